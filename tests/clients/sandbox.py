"""The official Python SDK as a client of the sandboxes, with an API key.

    python sandbox.py MCP_URL --key KEY

What it does is what sandbox-steps.mjs does.
"""

import argparse
import asyncio
import json

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

CSV = (
    "printf 'city,degrees\\nOslo,4\\nRome,19\\nCairo,28\\n' > /work/cities.csv && "
    "tail -n +2 cities.csv | sort -t, -k2 -n -r | head -1 | cut -d, -f1"
)
PYTHON = """
import csv, sqlite3, statistics
rows = [(row["city"], int(row["degrees"])) for row in csv.DictReader(open("/work/cities.csv"))]
base = sqlite3.connect(":memory:")
base.execute("create table cities (city text, degrees integer)")
base.executemany("insert into cities values (?, ?)", rows)
print(statistics.mean(degrees for _, degrees in rows), base.execute("select max(degrees) from cities").fetchone()[0])
def above(degrees):
    return [city for city, own in rows if own > degrees]
"""


def step(name: str, **details: object) -> None:
    """Prints one step."""
    print(json.dumps({"step": name, **details}), flush=True)


async def main() -> None:
    """Connects and works."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    async with (
        httpx2.AsyncClient(headers={"x-ms-apikey": options.key}, timeout=60) as http,
        Client(streamable_http_client(options.url, http_client=http), mode="auto") as client,
    ):

        async def call(tool: str, arguments: dict) -> dict:
            result = await client.call_tool(tool, arguments)
            if result.is_error:
                raise RuntimeError(f"the tool failed: {result}")
            return result.structured_content

        environment = (await call("launchShell", {}))["environmentId"]
        for name, tool, argument, code in (
            ("shell", "runShellCommandInRemoteEnvironment", "shellCommand", CSV),
            ("python", "runPythonCodeInRemoteEnvironment", "pythonCode", PYTHON),
            ("next", "runPythonCodeInRemoteEnvironment", "pythonCode", "print(above(5))"),
        ):
            ran = await call(tool, {"environmentId": environment, argument: code})
            step(name, stdout=ran["stdout"])
    step("done")


asyncio.run(main())
