"""A provider of ours on Authlib and Flask: what its documentation tells developers to fill in, and nothing else."""

import os
import time
from types import SimpleNamespace

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask, jsonify, request
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from program import arguments, free_port, ready, versions, when_told

# Without it, Authlib refuses everything that is not https.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
told = arguments()
port = free_port()
issuer = f"http://127.0.0.1:{port}"
key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
users, codes, tokens = {"alice"}, {}, {}


class Client(ClientMixin):
    def get_client_id(self):
        return "gatehouse"

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri == told.redirect_uri

    def check_client_secret(self, client_secret):
        return client_secret == told.client_secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return True


class Code(SimpleNamespace, AuthorizationCodeMixin):
    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return self.auth_time

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class Token(SimpleNamespace, TokenMixin):
    def check_client(self, client):
        return True

    def get_scope(self):
        return self.scope


class CodeGrant(grants.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        data = request.payload.data
        codes[code] = Code(
            user=request.user,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope,
            nonce=data.get("nonce"),
            auth_time=int(time.time()),
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code, client):
        return codes.get(code)

    def delete_authorization_code(self, authorization_code):
        for code in [code for code, known in codes.items() if known is authorization_code]:
            del codes[code]

    def authenticate_user(self, authorization_code):
        return authorization_code.user if authorization_code.user in users else None


class RefreshGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        return tokens.get(refresh_token)

    def authenticate_user(self, refresh_token):
        return refresh_token.user if refresh_token.user in users else None

    def revoke_old_credential(self, refresh_token):
        tokens.pop(refresh_token.refresh_token)


class OpenId(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return any(code.nonce == nonce for code in codes.values())

    def resolve_client_private_key(self, client):
        return key

    def get_client_claims(self, client):
        return {"iss": issuer}

    def generate_user_info(self, user, scope):
        return {"sub": user}


def save_token(token, request):
    if "refresh_token" in token:
        tokens[token["refresh_token"]] = Token(
            user=request.user, scope=token["scope"], refresh_token=token["refresh_token"]
        )


app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
# Its default is ten days, which no session outlives.
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": 3600, "refresh_token": 3600}
server = AuthorizationServer(app, query_client=lambda _id: Client(), save_token=save_token)
server.register_grant(CodeGrant, [OpenId(require_nonce=True), CodeChallenge(required=True)])
server.register_grant(RefreshGrant)


@app.get("/.well-known/openid-configuration")
def metadata():
    return jsonify(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/token",
        jwks_uri=f"{issuer}/jwks",
        response_types_supported=["code"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["RS256"],
    )


@app.get("/jwks")
def jwks():
    return jsonify(keys=[key.as_dict(private=False)])


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    grant = server.get_consent_grant(end_user="alice")
    if request.method == "GET":
        return '<form method="post"><input name="login"><button>Sign in</button></form>'
    return server.create_authorization_response(grant=grant, grant_user=request.form["login"])


@app.post("/token")
def token():
    return server.create_token_response()


listener = make_server("127.0.0.1", port, app, threaded=True)
ready(issuer=issuer, client_id="gatehouse", subject="alice", versions=versions("Authlib", "Flask", "Werkzeug"))
when_told(lock=users.clear)
listener.serve_forever()
