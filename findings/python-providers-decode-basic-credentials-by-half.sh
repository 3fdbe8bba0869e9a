#!/usr/bin/env bash
# What:     two OpenID providers in Python do not decode client_secret_basic as it is encoded: RFC 6749, section 2.3.1, wants id and
#           secret form-encoded, where a space is `+` and a percent sign is `%25`. Authlib decodes the percent signs and leaves
#           the `+`; idpyoidc decodes nothing. A client that follows the RFC is refused wherever its secret has such a character.
# Versions: Authlib 1.9.10, idpyoidc 5.0.0 (PyPI); Python 3.10 or newer
# Seen:     2026-11-28. Of the secret `100% safe`, sent as `100%25+safe`, Authlib reads `100%+safe` and idpyoidc `100%25+safe`.
# Needs:    bash, python3 with venv. No port is opened. Ends by itself; fails where one of them reads something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Authlib==1.9.10 idpyoidc==5.0.0
venv/bin/python - <<'PYTHON' | tee seen.txt
from base64 import b64encode
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.util import extract_basic_authorization
from idpyoidc.server.client_authn import basic_authn

header = "Basic " + b64encode(f"client:{quote_plus('100% safe')}".encode()).decode()
print("Authlib", extract_basic_authorization({"Authorization": header})[1])
print("idpyoidc", basic_authn(header)["secret"])
PYTHON
printf '%s\n' 'Authlib 100%+safe' 'idpyoidc 100%25+safe' >expected.txt
diff expected.txt seen.txt
