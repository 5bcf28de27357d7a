"""One settings file; what differs between deployments comes from the environment.

``.env.example`` lists the variables. ``DATABASE_URL`` set by the operator means production:
development keys and secrets are refused.
"""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from config.env import (
    SettingError,
    env_bool,
    env_database,
    env_int,
    env_list,
    env_networks,
    env_policy,
    env_secret,
    env_str,
    kept_secret,
)
from ledger.core.members import ORIGIN
from web.static_headers import static_headers

BASE_DIR = Path(__file__).parents[1]
THERIAC_HOME = Path(env_str("THERIAC_HOME", str(BASE_DIR / "var"))).absolute()
# The embedded server, and the tests' one, set their URLs themselves.
PRODUCTION = bool(env_secret("DATABASE_URL")) and not env_bool("THERIAC_EMBEDDED")
DEBUG = env_bool("DEBUG")


def _key_folder() -> Path:
    """Where the provider ``file`` keeps keys; in production only an explicit folder apart."""
    provider, _, path = env_str("THERIAC_KEY_PROVIDER", "file").partition(":")
    if provider != "file":
        raise SettingError("THERIAC_KEY_PROVIDER must be file or file:/absolute/folder")
    if not PRODUCTION and not path:
        return THERIAC_HOME / "keys"
    folder = Path(path)
    if not folder.is_absolute() or folder.is_relative_to(THERIAC_HOME):
        raise SettingError(
            "with DATABASE_URL set, THERIAC_KEY_PROVIDER must be file:/absolute/folder,"
            " outside THERIAC_HOME: development keys are refused"
        )
    return folder


SECRET_KEY_LENGTH_MIN, SECRET_KEY_SIGNS_MIN = 50, 5


def _secret_key() -> str:
    key = env_secret("SECRET_KEY")
    if key:
        # As `check --deploy` asks for: what is signed with less can be guessed.
        if PRODUCTION and (
            len(key) < SECRET_KEY_LENGTH_MIN or len(set(key)) < SECRET_KEY_SIGNS_MIN
        ):
            raise SettingError(
                f"SECRET_KEY has at least {SECRET_KEY_LENGTH_MIN} random characters where"
                " DATABASE_URL is set"
            )
        return key
    if PRODUCTION:
        raise SettingError("SECRET_KEY (or SECRET_KEY_FILE) is needed where DATABASE_URL is set")
    return kept_secret(THERIAC_HOME / "secret_key", get_random_secret_key())


THERIAC_KEY_FOLDER = _key_folder()
SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or (
    [] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]", "testserver"]
)
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

# The channel of this deployment: its domain is the first half of the log's origin.
CHANNEL_DOMAIN = env_str("THERIAC_CHANNEL_DOMAIN", "theriac.example")
CHANNEL_NAME = env_str("THERIAC_CHANNEL", "main")
# What stands before relative references in FHIR; consents name organisations below it, for ever.
FHIR_BASE_URL = env_str("FHIR_BASE_URL", f"https://{CHANNEL_DOMAIN}/fhir/r4/")
if not FHIR_BASE_URL.endswith("/"):
    raise SettingError("FHIR_BASE_URL ends with a slash")
# The name under which this deployment's witness cosigns other logs; its key belongs to the name.
WITNESS_NAME = env_str("THERIAC_WITNESS_NAME", f"{CHANNEL_DOMAIN}/witness")
if ORIGIN.fullmatch(WITNESS_NAME) is None:
    raise SettingError("THERIAC_WITNESS_NAME is printable ASCII without space and plus")
# Which witnesses must cosign this deployment's own log before a head is published.
WITNESS_POLICY = env_policy("THERIAC_WITNESS_POLICY")
WITNESS_TIMEOUT_S = env_int("THERIAC_WITNESS_TIMEOUT_S", 2, at_least=1)
RECEIPT_DEADLINE_S = env_int("THERIAC_RECEIPT_DEADLINE_S", 60, at_least=1)
SEQUENCER_FLUSH_MS = env_int("THERIAC_SEQUENCER_FLUSH_MS", 50, at_least=1)
BODY_SIZE_BYTES_MAX = env_int("THERIAC_BODY_SIZE_BYTES_MAX", 8 * 1024 * 1024, at_least=1024)
# Readings that were shown nothing, a minute: each is an entry of the ledger all the same.
EMPTY_READS_PER_MINUTE_MAX = env_int("THERIAC_EMPTY_READS_PER_MINUTE_MAX", 600, at_least=1)
# Who may ask /metrics without the operator's key.
METRICS_NETWORKS = env_networks("METRICS_NETWORKS", "127.0.0.0/8,::1/128")
BROKER_URL = env_secret("BROKER_URL")
BROKER_QUEUE = env_str("BROKER_QUEUE", "theriac")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "foundation",
    "ledger",
    "accounts",
    "vault",
    "provenance",
    "records",
    "claims",
    "web",
    "ops",
]
# Operational tables that others' apps define: exempt from acting_as.
THIRD_PARTY_TABLES_OF = frozenset({"admin", "auth", "axes", "contenttypes", "sessions"})

MIDDLEWARE = [
    "foundation.middleware.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "foundation.middleware.ProblemMiddleware",
    "ledger.middleware.PreferWaitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ActingMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {
    "default": env_database("DATABASE_URL"),
    "system": env_database("DATABASE_SYSTEM_URL"),
    "owner": env_database("DATABASE_OWNER_URL"),
}
DATABASES["owner"]["OPTIONS"] = {
    **DATABASES["owner"]["OPTIONS"],
    "options": "-c lock_timeout=4s -c statement_timeout=60s",
}
DATABASE_ROUTERS = ["foundation.tenancy.TenancyRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.EmailBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/admin/login/"
AXES_HANDLER = "accounts.lockout.LockoutHandler"
AXES_FAILURE_LIMIT = 5
AXES_USERNAME_CALLABLE = "accounts.backends.attempted_email"
AXES_CLIENT_IP_CALLABLE = "accounts.authentication.client_ip"
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 8 * 60 * 60
CSRF_COOKIE_SECURE = PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = PRODUCTION and not env_bool("BEHIND_TLS_PROXY")
# Probes ask each server itself, without TLS, and are told nothing that is secret.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
if env_bool("BEHIND_TLS_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["config.formats"]
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
# Unset, files are served from where they lie; set, from what `collectstatic` gathered there.
STATIC_ROOT = env_str("STATIC_ROOT") or None
STATICFILES_DIRS = [BASE_DIR / "web" / "static"]
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ADD_HEADERS_FUNCTION = static_headers

# The parsers of ours limit bodies before reading them; Django's own limit is the outer wall.
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_SIZE_BYTES_MAX
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.IsActing"],
    "DEFAULT_PARSER_CLASSES": ["foundation.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["foundation.parsers.OrjsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "foundation.openapi.ApiSchema",
    "EXCEPTION_HANDLER": "foundation.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Theriac",
    "DESCRIPTION": "One signed ledger for pharmacies, wholesalers, hospitals and insurers.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "foundation.openapi.with_problems",
        "foundation.openapi.with_examples",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # asks nobody elsewhere
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "foundation.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env_str("LOG_LEVEL", "INFO")},
    "loggers": {"axes": {"level": "WARNING"}},
}
