"""Clients from PyPI: their MCP parts alone, without a model.

    python clients.py NAME MCP_URL --node NODE [--expire-seconds 300]

Signs in, lists and calls `echo`; lets the tokens expire, lists and calls again; calls `get-sum`, for which the token lacks a scope.
Prints one JSON line a step. A client that cannot do one of the last two says why, and is not at an end.
"""

import argparse
import asyncio
import sys
import traceback
from contextlib import asynccontextmanager

from person import Person, let_tokens_expire, sdk_provider, step


def text_of(parts) -> str:
    """The texts of a result's content, however a client has them."""
    if isinstance(parts, str):
        return parts
    texts = [part.get("text") if isinstance(part, dict) else getattr(part, "text", None) for part in parts]
    return "".join(text for text in texts if text)


class Session:
    """A connection: `names()` of the tools, and `call(name, arguments)` with a text or an exception."""

    def __init__(self, names, call) -> None:
        self.names = names
        self.call = call


def checked(result) -> str:
    """The text of an SDK result."""
    if getattr(result, "isError", False) or getattr(result, "is_error", False):
        raise RuntimeError(text_of(result.content))
    return text_of(result.content)


@asynccontextmanager
async def fastmcp(url, _person):
    from fastmcp import Client
    from fastmcp.client.auth import OAuth

    async with Client(url, auth=OAuth(callback_host="127.0.0.1")) as client:

        async def names():
            return [tool.name for tool in await client.list_tools()]

        async def call(name, arguments):
            return checked(await client.call_tool(name, arguments))

        yield Session(names, call)


@asynccontextmanager
async def pydantic_ai(url, _person):
    from fastmcp.client.auth import OAuth
    from pydantic_ai.mcp import MCPToolset

    async with MCPToolset(url, auth=OAuth(url, callback_host="127.0.0.1")) as toolset:

        async def names():
            return [tool.name for tool in await toolset.list_tools()]

        async def call(name, arguments):
            return str(await toolset.direct_call_tool(name, arguments))

        yield Session(names, call)


@asynccontextmanager
async def openai_agents(url, person):
    from agents.mcp import MCPServerStreamableHttp

    parameters = {"url": url, "auth": sdk_provider(url, person)}
    async with MCPServerStreamableHttp(parameters, client_session_timeout_seconds=60) as server:

        async def names():
            return [tool.name for tool in await server.list_tools()]

        async def call(name, arguments):
            return checked(await server.call_tool(name, arguments))

        yield Session(names, call)


@asynccontextmanager
async def langchain(url, person):
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    connection = {"transport": "streamable_http", "url": url, "auth": sdk_provider(url, person)}
    async with MultiServerMCPClient({"gatehouse": connection}).session("gatehouse") as session:

        async def names():
            return [tool.name for tool in await load_mcp_tools(session)]

        async def call(name, arguments):
            tools = {tool.name: tool for tool in await load_mcp_tools(session)}
            return text_of(await tools[name].ainvoke(arguments))

        yield Session(names, call)


@asynccontextmanager
async def strands(url, person):
    from strands.tools.mcp import MCPClient

    client = MCPClient(url=url, auth_provider=sdk_provider(url, person), startup_timeout=120)
    await asyncio.to_thread(client.start)

    async def names():
        return [tool.tool_name for tool in await asyncio.to_thread(client.list_tools_sync)]

    async def call(name, arguments):
        result = await client.call_tool_async(tool_use_id="1", name=name, arguments=arguments)
        if result["status"] != "success":
            raise RuntimeError(text_of(result["content"]))
        return text_of(result["content"])

    yield Session(names, call)
    await asyncio.to_thread(client.stop, None, None, None)


@asynccontextmanager
async def mcp_use(url, _person):
    from mcp_use import MCPClient

    client = MCPClient(config={"mcpServers": {"gatehouse": {"url": url, "auth": {}}}})
    session = await client.create_session("gatehouse")

    async def names():
        return [tool.name for tool in await session.list_tools()]

    async def call(name, arguments):
        return checked(await session.call_tool(name, arguments))

    yield Session(names, call)
    await client.close_all_sessions()


CLIENTS = {
    "fastmcp": fastmcp,
    "pydantic-ai": pydantic_ai,
    "openai-agents": openai_agents,
    "langchain-mcp-adapters": langchain,
    "strands-agents": strands,
    "mcp-use": mcp_use,
}


def reasons(failure: BaseException) -> list[str]:
    """What failed, of the groups that tasks make of it."""
    if isinstance(failure, BaseExceptionGroup):
        return [reason for part in failure.exceptions for reason in reasons(part)]
    return [f"{type(failure).__name__}: {failure}"]


async def attempt(name: str, action) -> None:
    """A step that a client may be unable to do."""
    try:
        step(name, **await asyncio.wait_for(action(), 100))
    except BaseException as failure:
        traceback.print_exception(failure)
        step(name, reason="; ".join(reasons(failure)))


async def exercise(options: argparse.Namespace) -> None:
    """The whole life of a client."""
    person = Person(options.node)
    async with CLIENTS[options.client](options.url, person) as session:
        step("signed-in", opened=person.times_opened)
        step("listed", tools=sorted(await session.names()))
        step("called", text=await session.call("echo", {"message": "hello"}))
        await asyncio.to_thread(let_tokens_expire, options.expire_seconds)

        async def outlive():
            tools = await session.names()
            text = await session.call("echo", {"message": "hello"})
            return {"tools": sorted(tools), "text": text, "opened": person.times_opened}

        async def step_up():
            text = await session.call("get-sum", {"a": 2, "b": 3})
            return {"text": text, "opened": person.times_opened}

        await attempt("outlived", outlive)
        await attempt("stepped-up", step_up)
        step("done")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("--node", required=True)
    parser.add_argument("--expire-seconds", type=float, default=300)
    options = parser.parse_args()
    try:
        asyncio.run(exercise(options))
    except BaseException as failure:
        traceback.print_exception(failure)
        sys.exit(1)


if __name__ == "__main__":
    main()
