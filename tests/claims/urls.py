"""The addresses of claims, as the deployment mounts them."""

from django.urls import include, path

from claims.urls import x12_urlpatterns

urlpatterns = [
    path("api/v1/", include("claims.urls")),
    path("x12/", include(x12_urlpatterns)),
]
