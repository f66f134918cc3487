"""One settings module. What differs between places comes from the environment.

A missing secret stops a production start; the local stack (`engage up`) makes its own.
"""

from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

django_stubs_ext.monkeypatch()  # Django's generic classes can be subscripted at run time too

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("ENGAGE_DEBUG", default=False)
# True on one machine over plain http (the local stack, tests); cookies are then not marked "secure".
PLAIN_HTTP = env.bool("ENGAGE_PLAIN_HTTP", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ENGAGE_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("ENGAGE_ORIGINS", default=[])
HOME = Path(env.str("ENGAGE_HOME", default=str(BASE_DIR / "var")))

# Where the console and the tracking links answer; the links in mails and messages begin with these.
CONSOLE_URL = env.str("ENGAGE_CONSOLE_URL", default="http://localhost:8000").rstrip("/")
TRACKING_URL = env.str("ENGAGE_TRACKING_URL", default=CONSOLE_URL).rstrip("/")
# The sandbox carrier of the local stack; empty where there is none.
CARRIER_URL = env.str("ENGAGE_CARRIER_URL", default="")
CARRIER_SMTP = env.str("ENGAGE_CARRIER_SMTP", default="")
# Whoever reads this file may open accounts there (docs/carrier.md).
CARRIER_KEY_FILE = Path(env.str("ENGAGE_CARRIER_KEY_FILE", default=str(HOME / "carrier" / "admin.key")))
# Internal relays and gateways ("host" or "host:port") that senders may name; others must be on the public internet.
OUTBOUND_ALLOWED = env.list("ENGAGE_OUTBOUND_ALLOWED", default=[])
# Who is asked what the DNS says of a sender's domain, "address:port"; empty asks the system's name servers.
DNS_SERVER = env.str("ENGAGE_DNS_SERVER", default="")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_htmx",
    "django_cotton",
    "heroicons",
    "csp",
    "engage.orgs",
    "audiences",
    "channels",
    "campaigns",
    "conversions",
    "reporting",
    "engage.local",
]

MIDDLEWARE = [
    "campaigns.doors.hosts.tracking_hosts",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "engage.urls"
WSGI_APPLICATION = "engage.wsgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "engage.orgs.context.console",
            ],
            "builtins": ["django_cotton.templatetags.cotton", "engage.orgs.templatetags.console"],
        },
    }
]

# A component sees what it is given and what every page knows, not the names that happen to be around it.
COTTON_ISOLATE_BY_DEFAULT = True


def _database() -> dict[str, Any]:
    """The runtime role's database; the owner's only for migrations (`ENGAGE_AS_OWNER`) and tests."""
    name = "DATABASE_OWNER_URL" if env.bool("ENGAGE_AS_OWNER", default=False) else "DATABASE_URL"
    config: dict[str, Any] = env.db_url(name)
    if config["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            f"{name} must begin with postgresql:// (Engage needs PostgreSQL 16 or later)."
        )
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    # Server-side cursors outlive a transaction-mode pooler's hand-out of the connection.
    config["DISABLE_SERVER_SIDE_CURSORS"] = True
    config["TEST"] = {"NAME": env.str("ENGAGE_TEST_DATABASE", default="test_engage")}
    return config


DATABASES = {"default": _database()}

REDIS_URL = env.str("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: `unix:///path?db=0` becomes `redis+socket:///path?virtual_host=0`."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    database = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False  # a task is a doorbell: losing one costs a minute, repeating one costs nothing
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# The send (docs/architecture.md, campaigns/dispatch). The defaults suit a server; tests make the times short.
SEND_LEASE_SECONDS = env.float("ENGAGE_SEND_LEASE_SECONDS", default=30.0)
SEND_LANE_SECONDS = env.float("ENGAGE_SEND_LANE_SECONDS", default=20.0)
SEND_LANES = env.int("ENGAGE_SEND_LANES", default=2)  # workers that one run may use at a time
SEND_WINDOW = env.int("ENGAGE_SEND_WINDOW", default=250)  # most messages announced by one commit
SEND_CHUNK_ROWS = env.int("ENGAGE_SEND_CHUNK_ROWS", default=5_000)
SEND_SLICE_CUSTOMERS = env.int("ENGAGE_SEND_SLICE_CUSTOMERS", default=500_000)
SEND_RETRY_SECONDS = [
    float(gap) for gap in env.list("ENGAGE_SEND_RETRY_SECONDS", default=[30, 120, 600, 3600])
]
SEND_BACK_OFF_SECONDS = env.float(
    "ENGAGE_SEND_BACK_OFF_SECONDS", default=5.0
)  # after a fault; doubles to 300

AUTH_USER_MODEL = "orgs.User"
AUTHENTICATION_BACKENDS = ["engage.orgs.signin.EmailBackend", "guardian.backends.ObjectPermissionBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "engage.orgs.signin.GuessablePasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
OTP_TOTP_ISSUER = "Engage"

SESSION_COOKIE_SECURE = not PLAIN_HTTP
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = not PLAIN_HTTP
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = not PLAIN_HTTP
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not PLAIN_HTTP
SECURE_HSTS_PRELOAD = not PLAIN_HTTP
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^ping$"]
if env.bool("ENGAGE_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

LANGUAGE_CODE = "en"
# Of the pages that customers see (docs/ui.md); the console is in English.
LANGUAGES = [
    ("en", "English"),
    ("ar", "Arabic"),
    ("de", "German"),
    ("es", "Spanish"),
    ("fr", "French"),
    ("hi", "Hindi"),
    ("it", "Italian"),
    ("nl", "Dutch"),
    ("pt", "Portuguese"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = HOME / "static"
MEDIA_ROOT = HOME / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": env.str(
            "ENGAGE_STATIC_STORAGE", default="whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

# Mail to members (approvals, invitations). Messages to customers go through channel adapters instead.
_EMAIL = env.email_url("ENGAGE_EMAIL_URL", default="smtp://localhost:25")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = _EMAIL["EMAIL_HOST"]
EMAIL_PORT = _EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("ENGAGE_FROM_EMAIL", default="Engage <engage@localhost>")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("ENGAGE_LOG_LEVEL", default="INFO")},
}
