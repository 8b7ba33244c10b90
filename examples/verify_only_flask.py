"""An API that verifies somebody else's tokens: it has their public keys, and no login of its own.

JWKS_FILE=keys.json flask --app verify_only_flask run
"""

import os
from pathlib import Path

from flask import Flask

from watchword import KeySet, Verifier
from watchword.web.flask import Watchword

verifier = Verifier(
    KeySet.from_jwks(Path(os.environ["JWKS_FILE"]).read_bytes()),
    issuer="https://login.example",
    audience="https://reports.example",
    typ="at+jwt",  # access tokens only (RFC 9068): not that issuer's ID tokens
)

# A person is the issuer and the subject: another issuer may give the same subject to another person.
SALES: dict[tuple[str | None, str], list[str]] = {("https://login.example", "user-1"): ["tea", "coffee"]}

app = Flask(__name__)
auth = Watchword(app, verifier)


@app.get("/reports")
@auth.protect(scopes=["reports:read"])
def reports() -> dict[str, list[str]]:
    return {"reports": SALES.get((auth.identity.issuer, auth.identity.subject), [])}


@app.delete("/reports")
@auth.protect(scopes=["reports:read", "reports:write"])
def delete_reports() -> tuple[str, int]:
    return "", 204
