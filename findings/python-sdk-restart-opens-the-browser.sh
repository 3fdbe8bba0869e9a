#!/usr/bin/env bash
# What:     after a restart, the MCP Python SDK does not use a refresh token that it has stored. It stores no time at which the access
#           token ends, so it takes the stored one for valid; the server answers 401; and every 401 begins a whole new authorization
#           with a browser. The refresh token would have been good.
# Versions: mcp 2.3.0 (PyPI), Python 3.10 or newer
# Seen:     2026-11-28. The token endpoint is never asked; the user's browser is.
# Needs:    bash, python3 with venv. Ends by itself; fails where the SDK does something else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mcp==2.3.0

cat >restart.py <<'PYTHON'
import asyncio

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

SERVER = "https://mcp.example/mcp"
CALLBACK = "http://127.0.0.1:3000/callback"


class Stored:
    """What an earlier run of the client kept: an access token that has ended since, and a refresh token."""

    async def get_tokens(self):
        return OAuthToken(access_token="ended", token_type="Bearer", expires_in=300, refresh_token="good")

    async def get_client_info(self):
        return OAuthClientInformationFull(client_id="client", redirect_uris=[CALLBACK], issuer="https://mcp.example")

    async def set_tokens(self, tokens):
        pass

    async def set_client_info(self, client_info):
        pass


class BrowserOpened(Exception):
    pass


def answer(request):
    """The MCP server and the authorization server, by the book."""
    path = request.url.path
    if path == "/mcp":
        print("call", request.headers.get("authorization"))
        metadata = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
        return httpx2.Response(401, headers={"www-authenticate": f'Bearer error="invalid_token", resource_metadata="{metadata}"'})
    if path.startswith("/.well-known/oauth-protected-resource"):
        return httpx2.Response(200, json={"resource": SERVER, "authorization_servers": ["https://mcp.example"]})
    if path == "/.well-known/oauth-authorization-server":
        origin = "https://mcp.example"
        return httpx2.Response(
            200,
            json={
                "issuer": origin,
                "authorization_endpoint": f"{origin}/authorize",
                "token_endpoint": f"{origin}/token",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
            },
        )
    if path == "/token":
        print("token endpoint", request.content.decode())
        return httpx2.Response(200, json={"access_token": "new", "token_type": "Bearer", "expires_in": 300, "refresh_token": "next"})
    return httpx2.Response(404)


async def browser(_url):
    print("browser")
    raise BrowserOpened


async def callback():
    raise BrowserOpened


async def main():
    metadata = OAuthClientMetadata(redirect_uris=[CALLBACK], token_endpoint_auth_method="none")
    provider = OAuthClientProvider(SERVER, metadata, Stored(), redirect_handler=browser, callback_handler=callback)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), auth=provider) as client:
        try:
            await client.post(SERVER, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        except BrowserOpened:
            pass


asyncio.run(main())
PYTHON
venv/bin/python restart.py 2>/dev/null | tee seen.txt
printf '%s\n' 'call Bearer ended' 'browser' >expected.txt
diff expected.txt seen.txt
