"""An endpoint that is switched off does not exist, so that an own login cannot be bypassed."""

from __future__ import annotations

import pytest
from application_process import serve


@pytest.fixture(scope="module")
def application(adapter, folder):
    with serve(adapter, folder, SWITCHED_OFF="login logout_all end_session") as application:
        yield application


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout-all", "/auth/sessions/unknown"])
def test_an_endpoint_that_is_switched_off_is_unknown(application, method, path):
    assert application.request(method, path, {} if method == "POST" else None).status == 404


def test_the_other_endpoints_and_the_other_extension_are_served(application):
    assert application.request("POST", "/auth/refresh").status in {400, 415}
    assert application.login("bob", "/staff/auth")["token_type"] == "Bearer"
