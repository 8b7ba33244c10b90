"""The Flask application of the suite."""

from __future__ import annotations

from typing import Any

import contract
import flask

from watchword.web import current_identity
from watchword.web.flask import Watchword

app = flask.Flask(__name__)
auth = Watchword(
    app, also=[contract.legacy_verifier()], load_user=contract.load_user, endpoints=contract.switches()
)
staff = Watchword(app, settings=contract.staff_settings())
app.wsgi_app = contract.name_wsgi_worker(app.wsgi_app)  # type: ignore[method-assign]


@app.get("/open")
def open_to_all() -> Any:
    return contract.describe(current_identity())


@app.route("/protected", methods=["GET", "OPTIONS"])
@auth.protect
def protected() -> Any:
    return contract.describe(auth.identity)


@app.get("/scoped")
@auth.protect(scopes=["reports:read"])
def scoped() -> Any:
    return contract.describe(current_identity())


@app.get("/any")
@auth.protect(any_scopes=["a", "b"])
def any_scope() -> Any:
    return contract.describe(auth.identity)


@app.get("/fresh")
@auth.protect(fresh=300)
def fresh() -> Any:
    return contract.describe(auth.identity)


@app.get("/optional")
@auth.protect(optional=True)
def optional() -> Any:
    return contract.describe(auth.identity if auth.is_authenticated else None)


@app.get("/user")
@auth.protect
def user() -> Any:
    return contract.describe_user(auth.user, auth.user)


@app.get("/staff/protected")
@staff.protect
def staff_protected() -> Any:
    return contract.describe(staff.identity)


def call_as_tester() -> Any:
    token = auth.core.start("tester", username="tester").access_token
    return app.test_client().get("/protected", headers={"Authorization": f"Bearer {token}"}).get_json()


if __name__ == "__main__":
    for name, scopes in contract.ACCOUNTS.items():
        auth.core.accounts.add(name, contract.PASSWORD, scopes)
