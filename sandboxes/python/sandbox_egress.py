"""urllib.request without sockets: requests go to the imported interface `gatehouse:interpreter/egress`.

Nothing here decides where a request may go. Whoever calls `fetch` is a program, and the component on the other side judges each request, those
that follow a redirect, too.
"""

import http.client
import io
import socket
import urllib.parse
import urllib.request
from urllib.error import URLError

from componentize_py_types import Err
from wit_world.imports import egress

# As for the shell: the other side counts each as a request.
MOST_REDIRECTS = 5
# What is said elsewhere: by the bytes of the body, or by the connection that the host makes.
SAID_ELSEWHERE = {"connection", "content-length", "transfer-encoding"}
# What proves who asks is for the origin that the program has named.
CREDENTIALS = ("Authorization", "Cookie")


class Received:
    """What http.client takes for a socket that an answer comes from."""

    def __init__(self, answer: bytes):
        self._answer = io.BytesIO(answer)

    def makefile(self, mode: str) -> io.BytesIO:
        return self._answer


class HTTPHandler(urllib.request.AbstractHTTPHandler):
    """Opens http and https."""

    def http_open(self, req):
        return fetch(req)

    def https_open(self, req):
        return fetch(req)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_


class HTTPSHandler(HTTPHandler):
    """The same. The host makes the connection, and looks at certificates; there is no context here that could say otherwise."""

    def __init__(self, debuglevel=None, context=None, check_hostname=None):
        super().__init__(debuglevel)


class HTTPRedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirects as Python does, but few, and without credentials where they lead to another origin."""

    max_redirections = MOST_REDIRECTS

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        # Not req.host, which is a proxy's where the program names one: `fetch` goes to the URL.
        if following is not None and origin(following.full_url) != origin(req.full_url):
            for name in CREDENTIALS:
                following.remove_header(name)
        return following


class ProxyHandler(urllib.request.ProxyHandler):
    """Looks for no proxy in the environment: `fetch` asks none."""

    def __init__(self, proxies=None):
        super().__init__({} if proxies is None else proxies)


def install() -> None:
    """Takes the place of the handlers that need sockets. `build_opener` finds them by their names."""
    urllib.request.HTTPHandler = HTTPHandler
    urllib.request.HTTPSHandler = HTTPSHandler
    urllib.request.HTTPRedirectHandler = HTTPRedirectHandler
    urllib.request.ProxyHandler = ProxyHandler
    urllib.request._opener = None


def fetch(req: urllib.request.Request) -> http.client.HTTPResponse:
    method = req.get_method()
    request = egress.Request(method, req.full_url, headers_of(req), body_of(req.data), milliseconds(req.timeout))
    try:
        answer = egress.fetch(request)
    except Err as error:
        raise URLError(reason(error.value)) from None
    response = http.client.HTTPResponse(Received(written(answer, method)), method=method, url=req.full_url)
    response.begin()
    response.url = req.full_url
    # As urllib.request has it.
    response.msg = response.reason
    return response


def origin(url: str) -> tuple[str, str]:
    """The scheme, and the host with its port where that is not the scheme's own. A user stays in it: nothing with one is sent."""
    parts = urllib.parse.urlsplit(url)
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme, parts.netloc.lower().removesuffix(port)


def headers_of(req: urllib.request.Request) -> list[tuple[str, bytes]]:
    host = urllib.parse.urlsplit(req.full_url).netloc
    headers = {name.lower(): (name, value) for name, value in [*req.headers.items(), *req.unredirected_hdrs.items()]}
    return [
        (name.title(), value if isinstance(value, bytes) else str(value).encode("latin-1"))
        for key, (name, value) in headers.items()
        if key not in SAID_ELSEWHERE and not (key == "host" and value == host)
    ]


def body_of(data: object) -> bytes:
    """Bytes, a file, or an iterable of bytes."""
    if data is None:
        return b""
    if hasattr(data, "read"):
        data = data.read()
        return data.encode("iso-8859-1") if isinstance(data, str) else data
    try:
        return bytes(memoryview(data))
    except TypeError:
        return b"".join(data)


def milliseconds(timeout: object) -> int | None:
    if timeout is None or timeout is socket._GLOBAL_DEFAULT_TIMEOUT:
        timeout = socket.getdefaulttimeout()
    return None if timeout is None else max(0, min(int(timeout * 1000), 2**32 - 1))


def reason(failure: egress.Failure) -> OSError:
    match failure.reason:
        case egress.Reason.REFUSED:
            return PermissionError(failure.text)
        case egress.Reason.TIMED_OUT:
            return TimeoutError(failure.text)
        case _:
            return ConnectionError(failure.text)


def written(answer: egress.Response, method: str) -> bytes:
    """The answer as http.client reads it."""
    phrase = http.client.responses.get(answer.status, "")
    lines = [f"HTTP/1.1 {answer.status} {phrase}".encode("ascii")]
    # The answer to HEAD says the length of what is not there.
    said = SAID_ELSEWHERE - {"content-length"} if method == "HEAD" else SAID_ELSEWHERE
    lines += [name.encode("ascii") + b": " + value for name, value in answer.headers if name.lower() not in said]
    lines.append(b"connection: close")
    if method != "HEAD":
        lines.append(b"content-length: %d" % len(answer.body))
    return b"\r\n".join([*lines, b"", answer.body])
