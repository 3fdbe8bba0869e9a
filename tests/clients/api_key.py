"""The official Python SDK as a client of a route that takes API keys: the key in a header, and no OAuth.

    python api_key.py MCP_URL --key KEY [--header x-ms-apikey] [--tool echo] [--arguments JSON]

With a key that is not good, it says what the SDK said of it. Either way it says which paths it has asked.
"""

import argparse
import asyncio
import json

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


def step(name: str, **details: object) -> None:
    """Prints one step."""
    print(json.dumps({"step": name, **details}), flush=True)


async def main() -> None:
    """Connects, lists and calls."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--key", required=True)
    parser.add_argument("--header", default="x-ms-apikey")
    parser.add_argument("--tool", default="echo")
    parser.add_argument("--arguments", type=json.loads, default={"message": "hello"})
    options = parser.parse_args()
    asked: list[str] = []

    async def note(request: httpx2.Request) -> None:
        if request.url.path not in asked:
            asked.append(request.url.path)

    try:
        async with (
            httpx2.AsyncClient(
                headers={options.header: options.key}, timeout=30, event_hooks={"request": [note]}
            ) as http,
            Client(streamable_http_client(options.url, http_client=http), mode="auto") as client,
        ):
            tools = (await client.list_tools()).tools
            result = await client.call_tool(options.tool, options.arguments)
            step("called", tools=len(tools), text=result.content[0].text, asked=asked)
    except BaseException as error:  # a group of the SDK's own tasks
        step("refused", error=repr(error), asked=asked)
    step("done")


asyncio.run(main())
