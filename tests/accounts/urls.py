"""The addresses of accounts where a deployment has them, and a page that says who asks."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from accounts.authentication import actor_of


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(actor_of(request).organisation_id))


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("accounts.urls")),
    path("who", who),
]
