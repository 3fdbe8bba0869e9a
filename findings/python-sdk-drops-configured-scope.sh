#!/usr/bin/env bash
# What:     A client of the MCP Python SDK that is configured with scopes asks for other ones. What the 401's challenge names (else what
#           the metadata of the resource lists) replaces OAuthClientMetadata.scope, in the registration and in the authorization
#           request. A server that offers more scopes than it needs for a first call never hears of those that the client's user
#           chose.
# Versions: mcp 2.3.0 (PyPI); Python 3.11
# Seen:     2026-11-28. Configured "mcp files:write", challenge scope="mcp": registered with "mcp", asked for "mcp".
# Needs:    bash, python3 with venv, PyPI. No port is opened: the server is a function. Ends by itself; fails where it is otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
timeout 60 "$folder/venv/bin/python" - <<'PY'
import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth.oauth2 import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata

ORIGIN = "https://mcp.example"
CONFIGURED = "mcp files:write"
seen = {}


class Reached(Exception):
    """The authorization request is known; nothing else is of interest."""


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def server(request):
    path = request.url.path
    if path == "/mcp":
        challenge = f'Bearer scope="mcp", resource_metadata="{ORIGIN}/.well-known/oauth-protected-resource/mcp"'
        return httpx2.Response(401, headers={"www-authenticate": challenge})
    if path == "/.well-known/oauth-protected-resource/mcp":
        return httpx2.Response(200, json={
            "resource": f"{ORIGIN}/mcp", "authorization_servers": [ORIGIN], "scopes_supported": ["mcp", "files:write"],
        })
    if path == "/.well-known/oauth-authorization-server":
        return httpx2.Response(200, json={
            "issuer": ORIGIN, "authorization_endpoint": f"{ORIGIN}/authorize", "token_endpoint": f"{ORIGIN}/token",
            "registration_endpoint": f"{ORIGIN}/register", "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["none"],
        })
    if path == "/register":
        asked = json.loads(request.content)
        seen["registered"] = asked.get("scope")
        return httpx2.Response(201, json={**asked, "client_id": "client"})
    return httpx2.Response(404)


async def browser(url):
    seen["asked for"] = parse_qs(urlsplit(url).query)["scope"][0]
    raise Reached


async def callback():
    raise AssertionError("nobody comes back")


async def main():
    provider = OAuthClientProvider(
        server_url=f"{ORIGIN}/mcp",
        client_metadata=OAuthClientMetadata(
            client_name="finding", redirect_uris=["http://127.0.0.1:1/callback"], scope=CONFIGURED,
            grant_types=["authorization_code", "refresh_token"], response_types=["code"],
            token_endpoint_auth_method="none",
        ),
        storage=Storage(), redirect_handler=browser, callback_handler=callback,
    )
    async with httpx2.AsyncClient(auth=provider, transport=httpx2.MockTransport(server)) as client:
        try:
            await client.post(f"{ORIGIN}/mcp", json={})
        except Reached:
            pass


asyncio.run(main())
print(json.dumps({"configured": CONFIGURED, **seen}))
if seen != {"registered": "mcp", "asked for": "mcp"}:
    sys.exit("not as it was seen")
PY
