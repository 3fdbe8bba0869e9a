#!/usr/bin/env bash
# What:     canaille signs id_tokens with RS512 for a client that has named no algorithm. OpenID Connect Dynamic Client Registration 1.0,
#           section 2, has RS256 as the default of id_token_signed_response_alg, and Core 1.0, section 3.1.3.7, tells clients to expect it.
# Versions: canaille 0.3.6 with joserfc 1.8.0 (PyPI); Python 3.10 or newer
# Seen:     2026-11-28. RS512, from an RSA key; RS256 once the client names it.
# Needs:    bash, python3 with venv. No port is opened. Ends by itself; fails where it signs with something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'canaille[oidc]==0.3.6' joserfc==1.8.0
venv/bin/python - 2>log.txt <<'PYTHON' | tee seen.txt
import canaille
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc.provider import get_jwt_config

app = canaille.create_app({"SECRET_KEY": "secret", "SERVER_NAME": "canaille.example"})
with app.test_request_context(), Backend.instance.session():
    client = models.Client(client_id="client", client_name="Client")
    print("by default", get_jwt_config(client)["alg"])
    client.id_token_signed_response_alg = "RS256"
    print("where it is named", get_jwt_config(client)["alg"])
PYTHON
printf '%s\n' 'by default RS512' 'where it is named RS256' >expected.txt
diff expected.txt seen.txt
