"""A server on fastmcp as people build them into their applications.

    python fastmcp_app.py --port PORT [--mounted] [--gzip]

With `--mounted` it is mounted at `/mcp` in a Starlette application, which redirects to `/mcp/`; with `--gzip` its answers are
compressed where the client takes that.
"""

import argparse

import uvicorn
from fastmcp import Context, FastMCP
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

server = FastMCP("Counting")


@server.tool
async def count(steps: int, context: Context) -> str:
    """Counts, and says how far it is"""
    for done in range(1, steps + 1):
        await context.report_progress(done, steps)
    return f"Counted to {steps}"


@server.tool
def shout(text: str) -> str:
    """Says it louder"""
    return text.upper()


@server.resource("notes://today")
def today() -> str:
    """What is to be done today"""
    return "Nothing."


@server.prompt
def ask(subject: str) -> str:
    """Asks for something"""
    return f"Please tell me about {subject}."


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mounted", action="store_true")
    parser.add_argument("--gzip", action="store_true")
    options = parser.parse_args()
    middleware = [Middleware(GZipMiddleware, minimum_size=1)] if options.gzip else []
    if options.mounted:
        inner = server.http_app(path="/")
        app = Starlette(routes=[Mount("/mcp", app=inner)], middleware=middleware, lifespan=inner.lifespan)
    else:
        app = server.http_app(middleware=middleware)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
