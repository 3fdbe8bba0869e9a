"""A token service of ours on Authlib and Flask: client credentials as Authlib has them, and token exchange (RFC 8693) as an extension
grant of the form that its documentation shows. `SUBJECT_KEY` is the JWK that verifies subject tokens."""

import json
import os
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import BaseGrant, ClientMixin, TokenEndpointMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidRequestError, UnauthorizedClientError
from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

from program import arguments, free_port, ready, versions, when_told

# Without it, Authlib refuses everything that is not https.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
told = arguments()
port = free_port()
subject_key = ECKey.import_key(json.loads(os.environ["SUBJECT_KEY"]))
removed, tokens, asked = set(), {}, []


class Client(ClientMixin):
    client_id = "gatehouse"

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return " ".join(one for one in (scope or "").split() if one == "orders.read")

    def check_client_secret(self, client_secret):
        return client_secret == told.client_secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type):
        return True


class TokenExchange(BaseGrant, TokenEndpointMixin):
    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

    def validate_token_request(self):
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError()
        data = self.request.payload.data
        if data.get("subject_token_type") != ACCESS_TOKEN:
            raise InvalidRequestError("subject_token_type")
        try:
            claims = jwt.decode(data["subject_token"], subject_key, algorithms=["ES256"]).claims
        except Exception as error:
            raise InvalidRequestError("subject_token") from error
        if claims["aud"] != "api://gatehouse" or claims["exp"] < time.time() or claims["sub"] in removed:
            raise InvalidRequestError("subject_token")
        self.request.client = client
        self.request.user = claims["sub"]

    def create_token_response(self):
        scope = self.request.payload.scope
        token = self.generate_token(user=self.request.user, scope=scope, include_refresh_token=False)
        token["issued_token_type"] = ACCESS_TOKEN
        self.save_token(token)
        return 200, token, self.TOKEN_RESPONSE_HEADER


def save_token(token, request):
    data = request.payload.data
    tokens[token["access_token"]] = {"user": request.user, "audience": data.get("audience"), "scope": token.get("scope")}


app = Flask(__name__)
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": 600, TokenExchange.GRANT_TYPE: 600}
server = AuthorizationServer(app, query_client=lambda id: Client() if id == "gatehouse" else None, save_token=save_token)
server.register_grant(grants.ClientCredentialsGrant)
server.register_grant(TokenExchange)


@app.post("/token")
def token():
    asked.append(request.form.get("grant_type"))
    return server.create_token_response()


@app.get("/given/<token>")
def given(token):
    return jsonify(tokens.get(token) or {})


@app.get("/asked")
def count():
    return jsonify(asked)


listener = make_server("127.0.0.1", port, app, threaded=True)
ready(url=f"http://127.0.0.1:{port}", versions=versions("Authlib", "Flask", "Werkzeug"))
when_told(remove=lambda: removed.add("alice"))
listener.serve_forever()
