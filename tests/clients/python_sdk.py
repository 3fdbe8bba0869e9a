"""The official Python SDK as a client of Gatehouse.

    python python_sdk.py MCP_URL [--mode auto|legacy|modern] [--transport streamable-http|sse] [--user alice]
                         [--tool echo] [--arguments JSON] [--node node] [who the client is: README.md]

Signs in, lists and calls; lets the tokens expire; lists and calls again, which must renew them silently. With
`--notifications` it says what it is notified of instead, and is done. With `--calls-for` it calls ten times a second for so long.
Prints one JSON line a step. The user's browser is sign-in.mjs, started with `--node`.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.auth.oauth2 import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

SIGN_IN = Path(__file__).with_name("sign-in.mjs")
SIGN_IN_TIMEOUT_SECONDS = 30
STEPS = 3
# The SDK calls the newest era by its version.
MODES = {"auto": "auto", "legacy": "legacy", "modern": "2026-07-28"}


def step(name: str, **details: object) -> None:
    """Prints one step."""
    print(json.dumps({"step": name, **details}), flush=True)


def expect(condition: bool, reason: str) -> None:
    """Fails unless the condition holds."""
    if not condition:
        raise RuntimeError(reason)


class MemoryStorage:
    """One installation of a client: its registration, its tokens, and how many token responses it got."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None
        self.token_responses = 0

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        self.token_responses += 1

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class SignIn:
    """Listens for the callback and sends the user's browser to the authorization endpoint, once."""

    def __init__(self, node: str, user: str) -> None:
        self.node = node
        self.user = user
        self.count = 0
        self.redirect_uri = ""
        self.client_id = ""
        self.callback: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.redirect_uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"
        return server

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readline()).decode("ascii").split(" ")[1]
        while (await reader.readline()).strip():
            pass  # the header fields do not matter
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        url = urlsplit(target)
        if url.path == "/callback" and not self.callback.done():
            self.callback.set_result({name: values[0] for name, values in parse_qs(url.query).items()})

    async def open_browser(self, url: str) -> None:
        self.count += 1
        expect(self.count == 1, "the client wants the user to sign in a second time")
        self.client_id = parse_qs(urlsplit(url).query)["client_id"][0]
        browser = await asyncio.create_subprocess_exec(
            self.node, str(SIGN_IN), url, "--user", self.user,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(browser.communicate(), SIGN_IN_TIMEOUT_SECONDS)
        expect(browser.returncode == 0, f"the browser failed: {output.decode()}")

    async def wait_for_callback(self) -> AuthorizationCodeResult:
        received = await asyncio.wait_for(self.callback, SIGN_IN_TIMEOUT_SECONDS)
        expect("code" in received, f"the sign-in failed: {received.get('error')}")
        return AuthorizationCodeResult(code=received["code"], state=received.get("state"), iss=received.get("iss"))


async def let_tokens_expire(provider: OAuthClientProvider) -> None:
    """Says that the access tokens should expire now, and waits until the test says that they did."""
    step("expire")
    line = await asyncio.to_thread(sys.stdin.readline)
    expect(line.strip() == "continue", f"expected the line “continue” on stdin, got {line!r}")
    # This SDK refreshes when its own clock says that the token expired; a 401 makes it start a new sign-in.
    # The test made the server's time pass, so the client's passes too.
    provider.context.token_expiry_time = time.time() - 1


def provider_for_user(options: argparse.Namespace, storage: MemoryStorage, sign_in: SignIn) -> OAuthClientProvider:
    """The provider of a client that a user signs in to. Without an id it registers."""
    metadata = OAuthClientMetadata(
        client_name="Python SDK",
        redirect_uris=[sign_in.redirect_uri],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method=options.auth_method if options.client_secret else "none",
    )
    if options.client_id:
        storage.client = OAuthClientInformationFull(
            **metadata.model_dump(), client_id=options.client_id, client_secret=options.client_secret,
            issuer=issuer_of(options.url),
        )
    return OAuthClientProvider(
        server_url=options.url,
        client_metadata=metadata,
        storage=storage,
        redirect_handler=sign_in.open_browser,
        callback_handler=sign_in.wait_for_callback,
        client_metadata_url=options.client_metadata_url,
    )


def provider_for_machine(options: argparse.Namespace, storage: MemoryStorage) -> OAuthClientProvider:
    """The provider of a client that acts for itself; it cannot send a user anywhere."""
    who = {
        "server_url": options.url, "storage": storage, "client_id": options.client_id,
        "issuer": issuer_of(options.url),
    }
    if options.private_key is None:
        return ClientCredentialsOAuthProvider(
            **who, client_secret=options.client_secret, token_endpoint_auth_method=options.auth_method
        )
    assertions = SignedJWTParameters(
        issuer=options.client_id, subject=options.client_id, signing_key=options.private_key,
        signing_algorithm="ES256",
    )
    return PrivateKeyJWTOAuthProvider(**who, assertion_provider=assertions.create_assertion_provider())


def issuer_of(url: str) -> str:
    """The authorization server before the MCP server at `url`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def transport(options: argparse.Namespace, provider: OAuthClientProvider, http: httpx2.AsyncClient):
    """The connection to the server."""
    if options.transport == "sse":
        return sse_client(options.url, auth=provider)
    return streamable_http_client(options.url, http_client=http)


async def notifications_of(client: Client) -> dict[str, object]:
    """Calls `count`, which ends when its progress has been seen (servers/tools.mjs)."""
    name = str(uuid4())
    progress = []
    released = asyncio.Event()

    async def seen(done: float, total: float | None, message: str | None) -> None:
        progress.append(done)
        if done == total:
            await client.call_tool("release", {"name": name})
            released.set()

    await client.call_tool("count", {"steps": STEPS, "name": name}, progress_callback=seen)
    await released.wait()
    return {"progress": progress}


async def exercise(options: argparse.Namespace) -> None:
    """The whole life of a client."""
    storage = MemoryStorage()
    sign_in = SignIn(options.node, options.user)
    await sign_in.listen()
    machine = options.client_credentials
    provider = provider_for_machine(options, storage) if machine else provider_for_user(options, storage, sign_in)
    arguments = json.loads(options.arguments)
    async with (
        httpx2.AsyncClient(auth=provider, timeout=30) as http,
        Client(transport(options, provider, http), mode=MODES[options.mode]) as client,
    ):
        async def call() -> str:
            result = await client.call_tool(options.tool, arguments)
            texts = [part.text for part in result.content if part.type == "text"]
            expect(bool(texts) and not result.is_error, f"the tool failed: {result}")
            return texts[0]

        tools = (await client.list_tools()).tools
        expect(sign_in.count == (0 if machine or options.open else 1), "the server did not ask for a sign-in")
        scope = storage.tokens.scope if storage.tokens else None
        step("signed-in", client_id=options.client_id if machine else sign_in.client_id, scope=scope)
        step("listed", tools=len(tools))
        step("called", text=await call())

        if options.notifications:
            step("notified", **await notifications_of(client))
            return

        if options.calls_for:
            ends_at, calls = time.monotonic() + options.calls_for, 0
            while time.monotonic() < ends_at:
                await call()
                calls += 1
                await asyncio.sleep(0.1)
            step("outlived", calls=calls, refreshes=storage.token_responses - 1, authorizations=sign_in.count)
            return

        before = storage.tokens
        if machine:
            expect(before.refresh_token is None, "a machine was given a refresh token")
        else:
            expect(before.refresh_token is not None, "the server gave no refresh token")
        await let_tokens_expire(provider)
        tools = (await client.list_tools()).tools
        text = await call()
        after = storage.tokens
        expect(after.access_token != before.access_token, "the access token is still the old one")
        step(
            "refreshed", tools=len(tools), text=text, refreshes=storage.token_responses - 1,
            rotated=after.refresh_token != before.refresh_token, authorizations=sign_in.count,
        )


def reasons(failure: BaseException) -> list[BaseException]:
    """What failed, of the groups that the SDK's tasks make of it."""
    if isinstance(failure, BaseExceptionGroup):
        return [reason for part in failure.exceptions for reason in reasons(part)]
    return [failure]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--mode", choices=MODES, default="auto")
    parser.add_argument("--transport", choices=["streamable-http", "sse"], default="streamable-http")
    parser.add_argument("--user", default="alice")
    parser.add_argument("--tool", default="echo")
    parser.add_argument("--arguments")
    parser.add_argument("--node", default="node")
    parser.add_argument("--client-metadata-url")
    parser.add_argument("--client-id")
    parser.add_argument("--client-secret")
    parser.add_argument("--auth-method", default="client_secret_basic")
    parser.add_argument("--private-key")
    parser.add_argument("--client-credentials", action="store_true")
    parser.add_argument("--notifications", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--calls-for", type=float, metavar="SECONDS")
    options = parser.parse_args()
    if options.arguments is None:
        options.arguments = '{"message": "hello"}' if options.tool == "echo" else "{}"
    try:
        asyncio.run(exercise(options))
    except Exception as failure:
        for reason in reasons(failure):
            print(f"{type(reason).__name__}: {reason}", file=sys.stderr)
        sys.exit(1)
    step("done")


if __name__ == "__main__":
    main()
