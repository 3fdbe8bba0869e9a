"""idpyoidc with its defaults, and what it leaves to those who use it: the web server, the keys, the page to sign in."""

import json
import os
import secrets
import tempfile
from pathlib import Path

from flask import Flask, make_response, redirect, request
from idpyoidc.client.defaults import DEFAULT_KEY_DEFS
from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.message.oidc import AuthorizationRequest
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from werkzeug.serving import make_server

from program import arguments, free_port, ready, versions, when_told

told = arguments()
port = free_port()
issuer = f"http://127.0.0.1:{port}"
folder = tempfile.TemporaryDirectory()
os.chdir(folder.name)
Path("private").mkdir()
Path("templates").mkdir()
Path("templates/user_pass.jinja2").write_text(
    '<form method="post" action="/{{ action }}"><input type="hidden" name="token" value="{{ token }}">'
    '<input name="username"><input type="password" name="password"><button>{{ submit_btn }}</button></form>'
)
Path("passwd.json").write_text(json.dumps({"alice": "correct horse & battery"}))
Path("users.json").write_text(json.dumps({"alice": {"name": "Alice Example"}}))

configuration = {
    "issuer": issuer,
    "key_conf": {"key_defs": DEFAULT_KEY_DEFS, "uri_path": "jwks"},
    "session_params": {"encrypter": {"kwargs": {"keys": {"key_defs": [
        {"type": "OCT", "use": ["enc"], "kid": "password"}, {"type": "OCT", "use": ["enc"], "kid": "salt"},
    ]}, "iterations": 1}}, "sub_func": {"public": {"class": "idpyoidc.server.session.manager.PublicID",
        "kwargs": {"salt": secrets.token_urlsafe()}}}},
    "authz": {"class": "idpyoidc.server.authz.AuthzHandling", "kwargs": {"grant_config": {"usage_rules": {
        "authorization_code": {
            "supports_minting": ["access_token", "refresh_token", "id_token"], "max_usage": 1, "expires_in": 120},
        # Its id_tokens are good for five minutes; the default for access tokens is an hour.
        "access_token": {"expires_in": 120},
        "refresh_token": {"supports_minting": ["access_token", "refresh_token", "id_token"], "expires_in": 86400},
    }, "expires_in": 2592000}}},
    "add_on": {"pkce": {"function": "idpyoidc.server.oauth2.add_on.pkce.add_support", "kwargs": {"essential": True}}},
    "authentication": {"user": {
        "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword",
        "class": "idpyoidc.server.user_authn.user.UserPassJinja2",
        "kwargs": {"verify_endpoint": "verify/user", "template": "user_pass.jinja2",
                   "db": {"class": "idpyoidc.server.util.JSONDictDB", "kwargs": {"filename": "passwd.json"}}},
    }},
    "token_handler_args": {
        "jwks_def": {"private_path": "private/token_jwks.json", "read_only": False, "key_defs": [
            {"type": "oct", "bytes": 24, "use": ["enc"], "kid": kid} for kid in ("code", "token", "refresh")
        ]},
        "code": {"kwargs": {"lifetime": 600}},
        "token": {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 3600}},
        "refresh": {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 86400}},
        "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {}},
    },
    "userinfo": {"class": "idpyoidc.server.user_info.UserInfo", "kwargs": {"db_file": "users.json"}},
}
server = Server(OPConfiguration(configuration, base_path=folder.name), cwd=folder.name)
context = server.get_context()
context.cdb["gatehouse"] = {
    "client_id": "gatehouse",
    "client_secret": told.client_secret,
    "redirect_uris": [(told.redirect_uri, {})],
    "response_types_supported": ["code"],
    "token_endpoint_auth_method": "client_secret_basic",
    "allowed_scopes": ["openid", "profile", "offline_access"],
}
server.keyjar.add_symmetric("gatehouse", told.client_secret)
app = Flask(__name__)


def answer(endpoint, info):
    """What an endpoint has decided, as HTTP."""
    if "redirect_location" in info:
        return redirect(info["redirect_location"])
    if "http_response" in info:
        return make_response(info["http_response"])
    made = endpoint.do_response(request=request.values.to_dict(), **info)
    if made.get("response_placement", endpoint.response_placement) == "url":
        response = redirect(made["response"])
    else:
        response = make_response(made["response"], made.get("response_code", 400 if "error" in info else 200))
    for name, value in made["http_headers"]:
        response.headers[name] = value
    return response


def serve(name):
    endpoint = server.get_endpoint(name)
    http = {"headers": {name.lower(): value for name, value in request.headers}, "method": request.method,
            "url": request.url, "cookie": []}
    parsed = endpoint.parse_request(request.values.to_dict(), http_info=http)
    if isinstance(parsed, ResponseMessage) and "error" in parsed:
        return make_response(parsed.to_json(), 400, {"content-type": "application/json"})
    try:
        return answer(endpoint, endpoint.process_request(parsed, http_info=http))
    except Exception as error:
        # As its own example does (`flask_op`): it raises where a session was revoked.
        return {"error": "invalid_request", "error_description": str(error)}, 400


@app.get("/.well-known/openid-configuration")
def metadata():
    return serve("provider_config")


@app.get("/jwks")
def jwks():
    return server.keyjar.export_jwks()


@app.get("/authorization")
def authorization():
    return serve("authorization")


@app.post("/token")
def token():
    return serve("token")


@app.post("/verify/user")
def verify():
    method = context.authn_broker.get_method_by_id("user")
    username = method.verify(**request.form.to_dict())
    token = method.unpack_token(request.form["token"])
    asked = AuthorizationRequest().from_urlencoded(token["query"])
    endpoint = server.get_endpoint("authorization")
    session = endpoint.create_session(asked, username, token["authn_class_ref"], token["iat"], method)
    return answer(endpoint, endpoint.authz_part2(request=asked, session_id=session))


def lock():
    """It knows no user who is gone; a developer can revoke their sessions."""
    manager = context.session_manager
    manager.revoke_client_session(manager.encrypted_session_id("alice", "gatehouse"))


listener = make_server("127.0.0.1", port, app, threaded=True)
ready(issuer=issuer, client_id="gatehouse", subject=context.session_manager.sub_func["public"]("alice", ""), versions=versions("idpyoidc", "Flask", "Werkzeug"))
when_told(lock=lock)
listener.serve_forever()
