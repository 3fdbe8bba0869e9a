"""What the clients from PyPI share: a person with a browser, storage for tokens, and the steps that are told to the test."""

import json
import queue
import subprocess
import sys
import threading
import time
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SIGN_IN = Path(__file__).parents[2] / "clients" / "sign-in.mjs"
PATIENCE_SECONDS = 120
# Some clients print to the standard output, which is for the steps.
STEPS, sys.stdout = sys.stdout, sys.stderr


def step(name: str, **details: object) -> None:
    """Prints one step."""
    print(json.dumps({"step": name, **details}), file=STEPS, flush=True)


def let_tokens_expire(seconds: float) -> None:
    """Says that the access tokens should expire now, waits until the test says that they did, and lets this program's time pass, too."""
    step("expire")
    line = sys.stdin.readline()
    if line.strip() != "continue":
        raise RuntimeError(f"expected the line “continue” on stdin, got {line!r}")
    real = time.time
    time.time = lambda: real() + seconds


class Person(webbrowser.BaseBrowser):
    """Somebody with a browser without a screen (sign-in.mjs), which is this program's own browser, too."""

    def __init__(self, node: str) -> None:
        super().__init__("person")
        self.node = node
        self.times_opened = 0
        webbrowser.register("person", None, self, preferred=True)

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.times_opened += 1
        # Nobody waits for a browser. What it says goes where the program's own errors go.
        subprocess.Popen([self.node, str(SIGN_IN), url, "--user", "alice"], stdout=sys.stderr)
        return True


class Callback:
    """Listens for authorization responses, in a thread: some clients have an event loop of their own."""

    def __init__(self) -> None:
        received: queue.Queue[dict[str, str]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                received.put({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.received = received
        self.redirect_uri = f"http://127.0.0.1:{server.server_address[1]}/callback"

    def wait(self) -> dict[str, str]:
        """The next response."""
        return self.received.get(timeout=PATIENCE_SECONDS)


class Storage:
    """One installation of a client, for the SDK's provider."""

    def __init__(self) -> None:
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens) -> None:
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info) -> None:
        self.client = client_info


def sdk_provider(url: str, person: Person):
    """The provider of the official SDK, version 1 or 2, which most clients take or wrap."""
    import asyncio

    from mcp.client.auth import OAuthClientProvider
    from mcp.shared import auth
    from mcp.shared.auth import OAuthClientMetadata

    callback = Callback()

    async def redirect(authorization_url: str) -> None:
        person.open(authorization_url)

    async def wait():
        response = await asyncio.to_thread(callback.wait)
        if hasattr(auth, "AuthorizationCodeResult"):
            return auth.AuthorizationCodeResult(
                code=response["code"], state=response.get("state"), iss=response.get("iss")
            )
        return response["code"], response.get("state")

    metadata = OAuthClientMetadata(
        client_name="Client from PyPI",
        redirect_uris=[callback.redirect_uri],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(
        server_url=url,
        client_metadata=metadata,
        storage=Storage(),
        redirect_handler=redirect,
        callback_handler=wait,
    )
