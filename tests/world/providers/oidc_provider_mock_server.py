"""oidc-provider-mock as its command starts it: on Werkzeug's server, for any client and any user."""

import urllib.request

from oidc_provider_mock import run_server_in_thread

from program import arguments, ready, versions, when_told

arguments()
with run_server_in_thread() as server:
    origin = f"http://127.0.0.1:{server.server_port}"

    def lock():
        urllib.request.urlopen(urllib.request.Request(f"{origin}/users/alice/revoke-tokens", method="POST"))

    ready(
        issuer=origin,
        client_id="gatehouse",
        subject="alice",
        versions=versions("oidc-provider-mock", "Authlib", "Werkzeug"),
    )
    when_told(lock=lock).join()
