"""An MCP server on the official Python SDK: both eras of Streamable HTTP, or HTTP+SSE.

    python python_server.py [--transport streamable-http|sse] [--port 0]

Prints {"url"} once it listens. Its tools are those of servers/tools.mjs, without `announce`.
"""

import argparse
import asyncio
import json
import socket
from collections import defaultdict

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("gatehouse-tests-python-server")
gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


@server.tool()
def echo(message: str) -> str:
    """Says it again"""
    return f"Echo: {message}"


@server.tool()
async def count(steps: int, name: str, context: Context) -> str:
    """Counts"""
    for done in range(1, steps + 1):
        await context.report_progress(done, steps)
    await gates[name].wait()
    return f"Counted to {steps}"


@server.tool()
def release(name: str) -> str:
    """Lets a count end"""
    gates[name].set()
    return "Released"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--transport", choices=["streamable-http", "sse"], default="streamable-http")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    app, path = (server.sse_app(), "/sse") if options.transport == "sse" else (server.streamable_http_app(), "/mcp")
    listener = socket.create_server(("127.0.0.1", options.port))
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}{path}"}), flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


if __name__ == "__main__":
    main()
