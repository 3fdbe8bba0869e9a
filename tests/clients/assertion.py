"""Verifies an assertion of who calls, as an MCP server in Python would: with PyJWT and the published key set.

    python assertion.py --keys URL --issuer URL --audience URL

Reads assertions from standard input, one a line, and prints {"claims", "header"} or {"error"} for each. The key set is read anew where
an assertion names a key that it does not have.
"""

import argparse
import json
import sys

import jwt

parser = argparse.ArgumentParser()
for name in ["--keys", "--issuer", "--audience"]:
    parser.add_argument(name, required=True)
options = parser.parse_args()
keys = jwt.PyJWKClient(options.keys)


def verified(assertion: str) -> dict:
    header = jwt.get_unverified_header(assertion)
    if header.get("typ") != "gatehouse-caller+jwt":
        raise jwt.InvalidTokenError("not an assertion of a caller")
    claims = jwt.decode(
        assertion,
        keys.get_signing_key_from_jwt(assertion),
        algorithms=["ES256", "EdDSA"],
        audience=options.audience,
        issuer=options.issuer,
        options={"require": ["sub", "exp", "iat", "jti"]},
    )
    return {"claims": claims, "header": header}


for line in sys.stdin:
    try:
        answer = verified(line.strip())
    except jwt.PyJWTError as error:
        answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
