"""Settings, read from the environment once and checked whole before anything starts.

Nothing set = the embedded hospital: three SQLite files, a local folder, a local broker and cache below `DATA_DIR`.
Each `*_URL` moves one part to its server; `deploy/env.example` lists them all.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import django_stubs_ext
from django.utils.translation import gettext_lazy as _

from medisecure import api_settings, backends
from medisecure import env as environment
from medisecure.access_times import access_times
from medisecure.book_settings import dunning_days, own_accounts, seller
from medisecure.celery import queues
from medisecure.document_limits import document_limits, imaging_limits
from medisecure.kernel import web_push

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.Env(os.environ)

# Lets Django's generic classes be written with their type, ModelAdmin[Patient], on every supported version.
django_stubs_ext.monkeypatch()

# --- Where things are -------------------------------------------------------------------------------------------------
DATA_DIR = env.directory("DATA_DIR", BASE_DIR / "var")
_database_url = env.url("DATABASE_URL", ("postgresql", "postgres"), path=True)
#: Who owns the tables on PostgreSQL: `migrate_all` signs in with it, nothing else does.
_owner_url = env.url("DATABASE_OWNER_URL", ("postgresql", "postgres"), path=True)
DATABASE_OWNER = {"user": _owner_url.user, "password": _owner_url.password} if _owner_url and _database_url else None
_appointments_url = env.url("APPOINTMENTS_URL", ("mongodb", "mongodb+srv"), path=True)
_billing_url = env.url("BILLING_URL", ("mysql", "mariadb"), path=True)
_s3_url = env.url("S3_URL", ("http", "https"))
_s3_public_url = env.url("S3_PUBLIC_URL", ("http", "https"))
_broker_url = env.url("BROKER_URL", ("amqp", "amqps"))
_redis_url = env.url("REDIS_URL", ("redis", "rediss"))
_email_url = env.url("EMAIL_URL", ("smtp", "smtps", "smtp+tls"))
_servers = (_database_url, _appointments_url, _billing_url, _s3_url, _broker_url, _redis_url)

#: True when nothing but this machine's disk is used: the only place where secrets may make themselves.
EMBEDDED = not any(_servers)

DEBUG = env.boolean("DEBUG", False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]") if EMBEDDED else ())
_public_url = env.url("PUBLIC_URL", ("http", "https"))
#: The address under which people reach the hospital, without a slash at its end: links in mails, signed downloads.
PUBLIC_URL = _public_url.raw.rstrip("/") if _public_url else "http://127.0.0.1:8000"


def _embedded_secret(path: Path, make: Callable[[], str]) -> str:
    """A secret of this data folder's own, made once: sessions, signatures and what is encrypted survive a restart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and then linked: of two processes that start at once, neither reads half a secret.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(make(), encoding="ascii")
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii")


SECRET_KEY = env.text("SECRET_KEY")
if not SECRET_KEY and EMBEDDED:
    SECRET_KEY = _embedded_secret(DATA_DIR / "secret_key", lambda: secrets.token_urlsafe(64))
if len(SECRET_KEY) < 50 and not EMBEDDED:
    env.refuse("SECRET_KEY", "must be set to at least 50 characters once a server is named")
#: The secrets of what is encrypted in the databases (kernel/crypto.py): the first encrypts, all decrypt.
FIELD_KEYS = env.keys("FIELD_KEYS")
if not FIELD_KEYS and EMBEDDED:
    FIELD_KEYS = [environment.read_key(_embedded_secret(DATA_DIR / "field_key", environment.new_key))]
if not FIELD_KEYS:
    env.refuse("FIELD_KEYS", "must be set once a server is named: openssl rand -base64 32")
if not EMBEDDED and not _public_url:
    env.refuse("PUBLIC_URL", "must be set to the address that people use, once a server is named")
if not EMBEDDED and not ALLOWED_HOSTS:
    env.refuse("ALLOWED_HOSTS", "must list the host names, separated by commas, once a server is named")

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "medisecure.kernel.apps.KernelConfig",
    "medisecure.accounts.apps.AccountsConfig",
    "medisecure.audit.apps.AuditConfig",
    "medisecure.notifications.apps.NotificationsConfig",
    "patients.apps.PatientsConfig",
    "appointments.apps.AppointmentsConfig",
    "billing.apps.BillingConfig",
    "documents.apps.DocumentsConfig",
    "medisecure.portal.apps.PortalConfig",
    "medisecure.reports.apps.ReportsConfig",
    "medisecure.ops.apps.OpsConfig",
    "medisecure.ops.apps.MediSecureAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    # Every page asks for a sign-in unless it says otherwise; a test holds the list of those that do.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "medisecure.audit.middleware.AddressMiddleware",
    "medisecure.accounts.middleware.StaffMfaMiddleware",
    "medisecure.accounts.middleware.UserLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "medisecure.errors.DomainErrorMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "medisecure.urls"
WSGI_APPLICATION = "medisecure.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "medisecure.portal.context.navigation",
            ],
        },
    }
]

# --- Databases (design §2) --------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": backends.postgresql(_database_url)
    if _database_url
    else backends.sqlite(DATA_DIR / "medisecure.sqlite3"),
    "appointments": backends.mongodb(_appointments_url)
    if _appointments_url
    else backends.sqlite(DATA_DIR / "appointments.sqlite3"),
    "billing": backends.mariadb(_billing_url) if _billing_url else backends.sqlite(DATA_DIR / "billing.sqlite3"),
}
DATABASE_ROUTERS = ["medisecure.routers.AppRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Objects ----------------------------------------------------------------------------------------------------------
BUCKETS = {"documents": "medisecure-documents", "images": "medisecure-images"}
S3 = backends.s3(_s3_url, _s3_public_url) if _s3_url else None
_buckets = {name: backends.bucket(bucket, S3, DATA_DIR / "objects") for name, bucket in BUCKETS.items()}
STORAGES = {
    "default": _buckets["documents"],
    "documents": _buckets["documents"],
    "images": _buckets["images"],
    "staticfiles": {
        # Names with a hash of the content need `collectstatic` first, which tests do without.
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if env.boolean("STATIC_MANIFEST", True)
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
UPLOAD_MAX_BYTES, UPLOAD_HOURS, CLAMAV, SERVE_UNSCANNED = document_limits(env)
IMAGES_RECOMPRESS, IMAGING_SECONDS, IMAGING_MEMORY = imaging_limits(env)
STATIC_URL = "/static/"
STATIC_ROOT = env.directory("STATIC_ROOT", DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# --- Cache and sessions -----------------------------------------------------------------------------------------------
CACHES = {"default": backends.cache(_redis_url, DATA_DIR / "cache")}
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = "medisecure_session"
CSRF_COOKIE_NAME = "medisecure_csrf"

# --- Celery: what is the same everywhere is in medisecure/celery.py ---------------------------------------------------
CELERY_BROKER_URL = _broker_url.raw if _broker_url else "local://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"confirm_publish": True, "connect_timeout": 2} if _broker_url else {"folder": str(DATA_DIR / "broker")}
)
CELERY_TASK_QUEUES = queues(quorum=bool(_broker_url))
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum" if _broker_url else "classic"
CELERY_RESULT_BACKEND = _redis_url.raw if _redis_url else None
#: A worker process that has grown beyond this is replaced after its task.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1024 * env.integer("WORKER_MEMORY_MB", 512, low=128, high=65_536)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(_broker_url)
#: Celery closes no connection by itself; `medisecure.celery.renew_connections` does.
CELERY_DB_REUSE_MAX = sys.maxsize
#: Publish an event as soon as its transaction has committed; the sweep alone does it otherwise.
OUTBOX_NUDGE = env.boolean("OUTBOX_NUDGE", True)

#: How many proxies of ours stand before the web server. Behind one HAProxy the last address in X-Forwarded-For is the
#: one it saw, and a client cannot forge that one.
PROXIES = env.integer("PROXIES", 0 if EMBEDDED else 1, low=0, high=5)
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES

# --- People -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    # OWASP ASVS 5.0 §6.2.1: at least 12 characters for users.
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "medisecure.portal.account_adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
# Addresses are checked by the staff who register a person; allauth must not ask for a second confirmation.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_PREVENT_ENUMERATION = True
# Nor does an address without an account get a mail that says so: the page reads the same.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "MediSecure"
#: Staff need a second factor (decision 14); the embedded demonstration does without unless told otherwise.
STAFF_MFA_REQUIRED = (
    env.choice("STAFF_MFA", "optional" if EMBEDDED else "required", ("required", "optional")) == "required"
)

#: After so many visits missed in so many months a new booking must be confirmed by the patient; 0: never.
NO_SHOW_LIMIT = env.integer("NO_SHOW_LIMIT", 3, low=0, high=50)
NO_SHOW_MONTHS = env.integer("NO_SHOW_MONTHS", 12, low=1, high=60)
#: How long a time is kept for somebody who fills in the form.
HOLD_SECONDS = env.integer("HOLD_SECONDS", 300, low=30, high=3600)

#: Hours before a visit at which its patient is reminded of it.
REMINDER_HOURS = env.numbers("REMINDER_HOURS", (48, 2), low=1, high=240, most=5)
ACCESS = access_times(env)

#: How long a time that became free is kept for whom the waiting list offers it to, and the local hours of offers.
WAITING_OFFER_MINUTES = env.integer("WAITING_OFFER_MINUTES", 120, low=15, high=2880)
WAITING_OFFER_HOURS = env.hours("WAITING_OFFER_HOURS", (8, 20))

#: Who issues the invoices (CGI, annexe II, art. 242 nonies A); None: the invented hospital of billing/legal.py.
BILLING_SELLER = seller(env)
#: Who takes payments online ("" for nobody), and what its callbacks are signed with.
PAYMENT_PROVIDER, PAYMENT_CALLBACK_SECRET = backends.payments(env, SECRET_KEY if EMBEDDED else "")
DUNNING_DAYS, BILLING_ACCOUNTS = dunning_days(env), own_accounts(env)

# --- API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = api_settings.REST_FRAMEWORK | {"NUM_PROXIES": PROXIES}
SIMPLE_JWT, SPECTACULAR_SETTINGS = api_settings.SIMPLE_JWT, api_settings.SPECTACULAR_SETTINGS

# --- Language and time ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "medisecure_language"
LOCALE_PATHS, FORMAT_MODULE_PATH = [BASE_DIR / "locale"], "medisecure.formats"
USE_I18N = USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "Europe/Paris")
if TIME_ZONE not in available_timezones():
    env.refuse("TIME_ZONE", "must be an IANA name such as Europe/Paris")
    TIME_ZONE = "UTC"

# --- Mail -------------------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("MAIL_FROM", "MediSecure <no-reply@medisecure.example>")
if _email_url:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _email_url.host
    EMAIL_PORT = _email_url.port or {"smtps": 465, "smtp+tls": 587}.get(_email_url.scheme, 25)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email_url.user, _email_url.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _email_url.scheme == "smtps", _email_url.scheme == "smtp+tls"
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "medisecure.notifications.mail_folder.MailFolder"
MAIL_FOLDER = DATA_DIR / "mail"

# --- Push: our key, the push services that we call, phones (notifications/push.py) ------------------------------------
#: Without a key no browser is offered messages.
VAPID_PRIVATE_KEY = env.text("VAPID_PRIVATE_KEY")
if not VAPID_PRIVATE_KEY and EMBEDDED:
    VAPID_PRIVATE_KEY = _embedded_secret(DATA_DIR / "vapid_key", web_push.new_private_key)
if VAPID_PRIVATE_KEY and not web_push.is_private_key(VAPID_PRIVATE_KEY):
    env.refuse("VAPID_PRIVATE_KEY", "must be a key that `manage.py vapid_key` made")
PUSH_HOSTS = env.words("PUSH_HOSTS", backends.PUSH_HOSTS)
MOBILE_PUSH = env.choice("MOBILE_PUSH", "folder" if EMBEDDED else "none", ("folder", "none"))
PUSH_FOLDER = DATA_DIR / "push"

# --- Security ---------------------------------------------------------------------------------------------------------
_https = PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = None if EMBEDDED else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = _https and env.boolean("SSL_REDIRECT", True)
# The balancer asks for health over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
_object_sources = [S3["public_endpoint"]] if S3 else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", *_object_sources],
        "font-src": ["'self'"],
        "connect-src": ["'self'", *_object_sources],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
METRICS_TOKEN = env.text("METRICS_TOKEN")
# W035: outbox and inbox have the same table names in three databases, on purpose.
SILENCED_SYSTEM_CHECKS = ["models.W035"]

# --- Logs: ids and types of error, never a person's data --------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))},
    "loggers": {
        # A refused address is no fault, and some carry a secret: a signed download, a password reset.
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
    },
}

env.check()
