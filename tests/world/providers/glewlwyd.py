"""glewlwyd of Debian, unpacked into `target/glewlwyd` by the set-up, with a database of its own and its plugin for OpenID.

Its pages are an application in a script; the person uses the API that the script uses.
"""

import ctypes
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from program import arguments, free_port, ready, when_told

told = arguments()
port = free_port()
base = f"http://127.0.0.1:{port}"
root = Path(__file__).parents[3] / "target/glewlwyd/root"
# Those that the machine has itself are not in there.
libraries = ":".join(str(folder) for folder in root.glob("usr/lib/*-linux-*"))
folder = tempfile.TemporaryDirectory()
database = Path(folder.name, "glewlwyd.db")
with sqlite3.connect(database) as connection:
    connection.executescript((root / "usr/share/dbconfig-common/data/glewlwyd/install/sqlite3").read_text())
modules = root / "usr/lib/glewlwyd"
configuration = Path(folder.name, "glewlwyd.conf")
configuration.write_text(
    f"""port={port}
bind_address="127.0.0.1"
external_url="{base}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
hash_algorithm="SHA512"
database={{ type="sqlite3" path="{database}" }};
"""
)


def end_with_this_process():
    """PR_SET_PDEATHSIG with SIGKILL."""
    ctypes.CDLL(None).prctl(1, 9)


server = subprocess.Popen(
    [root / "usr/bin/glewlwyd", f"--config-file={configuration}"],
    env={**os.environ, "LD_LIBRARY_PATH": libraries},
    stdin=subprocess.DEVNULL,
    stdout=sys.stderr,
    preexec_fn=end_with_this_process,
)
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}/api{path}", data, {"content-type": "application/json"}, method=method)
    return browser.open(request).read()


def sign_in():
    call("POST", "/auth/", {"username": "admin", "password": "password"})


for _ in range(600):
    try:
        sign_in()
        break
    except OSError:
        if server.poll() is not None:
            sys.exit("glewlwyd has ended")
        time.sleep(0.05)
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
call(
    "POST",
    "/mod/plugin/",
    {
        "module": "oidc",
        "name": "oidc",
        "display_name": "OpenID",
        "enabled": True,
        "parameters": {
            "iss": f"{base}/api/oidc",
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "key": pem.decode(),
            "cert": public.decode(),
            "jwks-show": True,
            "code-duration": 600,
            "refresh-token-duration": 1209600,
            "access-token-duration": 3600,
            "auth-type-code-enabled": True,
            "auth-type-refresh-enabled": True,
            "refresh-token-rolling": True,
            # Without it, a request with PKCE is an invalid one.
            "pkce-allowed": True,
        },
    },
)
call(
    "POST",
    "/client/",
    {
        "client_id": "gatehouse",
        "name": "Gatehouse",
        "confidential": True,
        "client_secret": told.client_secret,
        "password": told.client_secret,
        "redirect_uri": [told.redirect_uri],
        "authorization_type": ["code", "refresh_token"],
        "scope": [],
        "enabled": True,
        "token_endpoint_auth_method": ["client_secret_basic"],
    },
)
ALICE = {"username": "alice", "name": "Alice Example", "scope": ["openid", "g_profile"]}
call("POST", "/user/", {**ALICE, "password": "correct horse & battery", "enabled": True})


def lock():
    sign_in()
    call("PUT", "/user/alice", {**ALICE, "enabled": False})


def delete():
    sign_in()
    call("DELETE", "/user/alice")


ready(
    issuer=f"{base}/api/oidc",
    client_id="gatehouse",
    subject=None,
    versions=subprocess.run(
        ["dpkg-deb", "--showformat=glewlwyd ${Version}", "--show", next((root.parent / "archives").glob("glewlwyd_*.deb"))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout,
)
when_told(lock=lock, delete=delete).join()
