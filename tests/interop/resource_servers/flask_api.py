"""A service that knows nothing of the login service but its URL."""

import os

from flask import Flask

from watchword import Verifier
from watchword.web.flask import Watchword

app = Flask(__name__)
verifier = Verifier.from_issuer(os.environ["ISSUER"], audience=os.environ["AUDIENCE"], typ="at+jwt")
auth = Watchword(app, verifier)


@app.get("/open")
def show_all() -> dict[str, str]:
    return {}


@app.get("/reports")
@auth.protect(scopes=["reports:read"])
def show_reports() -> dict[str, str]:
    return {"subject": auth.identity.subject}
