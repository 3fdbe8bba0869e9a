#!/usr/bin/env bash
# What:     an OpenID provider on the development server of Werkzeug reads a token request as empty where it comes with
#           `Transfer-Encoding: chunked`, which every HTTP/1.1 server must be able to read (RFC 9112, section 7.1). An HTTP client
#           that streams its request bodies, as WASI's does, sends forms so, and is told that the grant type is unsupported.
# Versions: oidc-provider-mock 0.3.4 with Authlib 1.9.10, Flask 3.1.3 and Werkzeug 3.1.9 (PyPI), Python 3.10 or newer
# Seen:     2026-11-28. The same form is answered `invalid_client` with Content-Length and `unsupported_grant_type` in chunks.
# Needs:    bash, python3 with venv, curl. Ends by itself; fails where the provider answers something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${provider:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check oidc-provider-mock==0.3.4 Authlib==1.9.10 Flask==3.1.3 Werkzeug==3.1.9
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/oidc-provider-mock --port "$port" >log.txt 2>&1 &
provider=$!
origin=http://127.0.0.1:$port
curl --silent --retry 30 --retry-connrefused --retry-delay 1 --output /dev/null "$origin/.well-known/openid-configuration"
form='grant_type=refresh_token&refresh_token=token&client_id=client&client_secret=secret'
error() { venv/bin/python -c 'import json, sys; print(sys.argv[1], json.load(sys.stdin)["error"])' "$1"; }
{
  curl --silent --data "$form" "$origin/oauth2/token" | error length
  curl --silent --header 'Transfer-Encoding: chunked' --data "$form" "$origin/oauth2/token" | error chunks
} | tee seen.txt
printf '%s\n' 'length invalid_client' 'chunks unsupported_grant_type' >expected.txt
diff expected.txt seen.txt
