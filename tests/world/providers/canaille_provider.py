"""canaille with its defaults but for the lifetime of its tokens, its store in memory, on hypercorn as `canaille run` has it."""

import asyncio
import datetime
import secrets
import threading

import canaille
from canaille.app import models
from canaille.backends import Backend
from hypercorn.asyncio import serve
from hypercorn.config import Config

from program import arguments, free_port, ready, versions, when_told

told = arguments()
port = free_port()
issuer = f"http://127.0.0.1:{port}"
app = canaille.create_app(
    {
        "SECRET_KEY": secrets.token_urlsafe(),
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        # Its default is ten days, which no session outlives.
        "OAUTH2_TOKEN_EXPIRES_IN": {"authorization_code": 3600, "refresh_token": 3600},
    }
)

with app.app_context(), Backend.instance.session():
    user = models.User(
        user_name="alice", family_name="Example", formatted_name="Alice Example", emails=["alice@example.com"]
    )
    Backend.instance.save(user)
    Backend.instance.set_user_password(user, "correct horse & battery")
    client = models.Client(
        client_id="gatehouse",
        client_secret=told.client_secret,
        client_name="Gatehouse",
        redirect_uris=[told.redirect_uri],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=["openid", "profile"],
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(client)
    # As its page for a new client does.
    client.audience = [client]
    Backend.instance.save(client)


def with_user(change):
    with app.app_context(), Backend.instance.session():
        change(Backend.instance.get(models.User, user_name="alice"))


def lock(user):
    user.lock_date = datetime.datetime.now(datetime.timezone.utc)
    Backend.instance.save(user)


async def main():
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]

    async def forever():
        await asyncio.Event().wait()

    serving = asyncio.create_task(serve(app, config, shutdown_trigger=forever))
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
    ready(issuer=issuer, client_id="gatehouse", subject="alice", versions=versions("canaille", "hypercorn", "Authlib"))
    await serving


when_told(lock=lambda: with_user(lock), delete=lambda: with_user(Backend.instance.delete))
asyncio.run(main())
