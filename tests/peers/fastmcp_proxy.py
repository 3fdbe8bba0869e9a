"""FastMCP's OAuth proxy in front of an MCP server, as its documentation has it ("OIDC Proxy", "Proxy Servers").

    python fastmcp_proxy.py PORT SERVER ISSUER CLIENT_SECRET

protects the MCP server at the URL SERVER as http://127.0.0.1:PORT/mcp, with ISSUER as the identity provider, and says `Serving`
when it begins to listen.
"""

import sys

from fastmcp.server import create_proxy
from fastmcp.server.auth.oidc_proxy import OIDCProxy


def main() -> None:
    port, server, issuer, client_secret = sys.argv[1:]
    auth = OIDCProxy(
        config_url=f"{issuer}/.well-known/openid-configuration",
        client_id="gateway",
        client_secret=client_secret,
        base_url=f"http://127.0.0.1:{port}",
        # Nobody sits at the browser.
        require_authorization_consent=False,
        jwt_signing_key="the-key-of-a-measurement",
    )
    proxy = create_proxy(server, name="proxy", auth=auth)
    print("Serving", flush=True)
    proxy.run(transport="http", host="127.0.0.1", port=int(port), log_level="warning", show_banner=False)


if __name__ == "__main__":
    main()
