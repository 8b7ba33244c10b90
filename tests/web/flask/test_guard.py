"""What the guard of the extension takes beyond scopes: any of several scopes, and tokens of another kind."""

from __future__ import annotations

import flask
import pytest

from watchword import Issuer, Key, MultiIssuer, Verifier
from watchword.errors import InvalidSettings
from watchword.web.flask import Watchword

ISSUER = "https://old.example"
KEY = Key.generate("HS256")
VERIFIER = Verifier(KEY, issuer=ISSUER, audience=None)


def bearer_of(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("scopes", "status"), [(["admin"], 200), (["reports:read", "x"], 200), (["x"], 403), ([], 403)]
)
def test_one_of_several_scopes_opens_a_view(app, extension, desk, client, scopes, status):
    app.add_url_rule("/any", view_func=extension.protect(any_scopes="admin reports:read")(lambda: "open"))
    answer = client.get("/any", headers=bearer_of(desk.start("7", scopes).access_token))
    assert answer.status_code == status
    if status == 403:
        assert answer.headers["WWW-Authenticate"].endswith('scope="admin reports:read"')


@pytest.mark.parametrize("config", [{}, {"WATCHWORD_SCOPE_CLAIM": "permissions"}])
def test_a_token_of_another_kind_opens_views_before_and_after_the_store_is_opened(config):
    app = flask.Flask("moving")
    app.config.update({"WATCHWORD_DATABASE_URL": "sqlite://"} | config)
    auth = Watchword(app, also=[VERIFIER])
    app.add_url_rule("/", view_func=auth.protect(scopes="read")(lambda: auth.identity.issuer))
    claim = config.get("WATCHWORD_SCOPE_CLAIM", "scope")
    old = bearer_of(Issuer(ISSUER, KEY).issue("7", {claim: ["read"]}))
    client = app.test_client()
    own = [
        client.get("/", headers=old).text,
        auth.core.start("7", ["read"]),
        client.get("/", headers=old).text,
    ]
    assert (own[0], own[2]) == (ISSUER, ISSUER)
    assert client.get("/", headers=bearer_of(own[1].access_token)).text == auth.core.settings.issuer
    auth.close()


def test_a_verifier_may_have_others_beside_it():
    app = flask.Flask("verifying")
    auth = Watchword(app, Verifier(Key.generate("HS256")), also=[MultiIssuer([VERIFIER])])
    app.add_url_rule("/", view_func=auth.protect(lambda: auth.identity.subject))
    assert app.test_client().get("/", headers=bearer_of(Issuer(ISSUER, KEY).issue("7"))).text == "7"


@pytest.mark.parametrize("also", [VERIFIER, "secret", [KEY], None])
def test_what_is_not_a_list_of_verifiers_is_refused_at_the_start(also):
    with pytest.raises(InvalidSettings, match="also must be a list of Verifiers"):
        Watchword(also=also)
