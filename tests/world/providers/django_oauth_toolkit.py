"""django-oauth-toolkit as its documentation sets it up (OpenID Connect with RS256), on gunicorn with a worker of its own."""

import os
import secrets
import tempfile
import threading
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.urls import include, path
from gunicorn.app.base import BaseApplication

from program import arguments, free_port, ready, versions, when_told

told = arguments()
port = free_port()
folder = tempfile.TemporaryDirectory()
key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
login_page = '<form method="post">{% csrf_token %}{{ form.as_p }}<button type="submit">Sign in</button></form>'

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/accounts/login/",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder.name, "database.sqlite3")}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"registration/login.html": login_page}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": key.decode(),
        "SCOPES": {"openid": "Sign in"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": 120,
    },
)
django.setup()
urlpatterns = [
    path("accounts/", include("django.contrib.auth.urls")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


def set_up():
    """The tables, a user and a client."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("alice", password="correct horse & battery")
    Application.objects.create(
        name="Gatehouse",
        client_id="gatehouse",
        client_secret=told.client_secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=told.redirect_uri,
        algorithm=Application.RS256_ALGORITHM,
    )
    return str(user.pk)


def users():
    from django.contrib.auth.models import User

    return User.objects.filter(username="alice")


class Server(BaseApplication):
    """gunicorn, told by the program and not by a command line."""

    def load_config(self):
        self.cfg.set("bind", f"127.0.0.1:{port}")
        self.cfg.set("workers", 1)
        self.cfg.set("post_worker_init", lambda _worker: os.write(serves, b"."))

    def load(self):
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()


subject = set_up()
django.db.connections.close_all()
started, serves = os.pipe()


def announce():
    """Reads what the worker writes once it serves."""
    os.read(started, 1)
    ready(
        issuer=f"http://127.0.0.1:{port}/o",
        client_id="gatehouse",
        subject=subject,
        versions=versions("django-oauth-toolkit", "Django", "gunicorn"),
    )


threading.Thread(target=announce, daemon=True).start()
when_told(lock=lambda: users().update(is_active=False), delete=lambda: users().delete())
Server().run()
