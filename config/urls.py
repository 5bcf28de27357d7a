"""Where each app's addresses are merged; the prefixes are fixed for ever."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from claims.urls import x12_urlpatterns
from config.schema import SCHEMA
from foundation.graphql.view import graphql_endpoint
from foundation.health import healthz, readyz
from ledger.urls import log_urlpatterns, witness_urlpatterns
from ops.metrics import metrics
from provenance.urls import epcis_urlpatterns
from records.urls import fhir_urlpatterns
from web.console.page import console_page

admin.site.site_header = admin.site.site_title = "Theriac"
admin.site.index_title = "Administration"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("web.urls")),
    path("admin/governance/", include("web.ceremonies.urls")),
    path("admin/", admin.site.urls),
    path("scan/", include("web.scan.urls")),
    path("verify/", include("web.verify.urls")),
    path("explorer/", include("web.explorer.urls")),
    path("api/v1/", include("ledger.urls")),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("vault.urls")),
    path("api/v1/", include("provenance.urls")),
    path("api/v1/", include("records.urls")),
    path("api/v1/", include("claims.urls")),
    path("epcis/v2/", include(epcis_urlpatterns)),
    path("fhir/r4/", include(fhir_urlpatterns)),
    path("x12/", include(x12_urlpatterns)),
    path("graphql/", graphql_endpoint(SCHEMA, page=console_page), name="graphql"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="web/docs.html"),
        name="docs",
    ),
    path("log/<slug:channel>/", include(log_urlpatterns)),
    path("witness/", include(witness_urlpatterns)),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
