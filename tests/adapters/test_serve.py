"""``watchword serve`` answers as the applications of the adapters do."""

from __future__ import annotations

import pytest
from endpoint_checks import check_answer, check_methods, check_similar_paths, list_calls
from hostile_requests import BODIES, HEADERS, NOT_ASCII, send
from watchword_servers import starting

CALLS = list_calls("/auth")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with starting() as start:
        yield start(tmp_path_factory.mktemp("server"), "--workers", "2")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_endpoint_answers(server, method, path):
    check_answer(server, method, path)


@pytest.mark.parametrize("path", sorted({path for _, path in CALLS}))
def test_an_endpoint_has_no_other_method(server, path):
    check_methods(server, path, {method for method, other in CALLS if other == path})


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_path_that_is_almost_an_endpoint_is_unknown_and_never_redirects(server, method, path):
    check_similar_paths(server, method, path)


@pytest.mark.parametrize(("body", "content_type", "status"), BODIES.values(), ids=BODIES)
def test_a_hostile_body_is_a_mistake_of_its_client(server, body, content_type, status):
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = server.request("POST", "/auth/login", body, headers=headers)
    assert (answer.status, set(answer.json)) == (status, {"error", "error_description"})


@pytest.mark.parametrize(("lines", "status", "code"), HEADERS.values(), ids=HEADERS)
def test_a_hostile_header_is_refused_with_a_challenge(server, lines, status, code):
    answer = send(server, "/protected", lines)
    assert (answer.status, answer.json["error"]) == (status, code or "missing_token")
    assert answer.headers.get_all("WWW-Authenticate")[0].startswith("Bearer")
    assert send(server, "/healthz", lines).status == 200


@pytest.mark.parametrize("token", NOT_ASCII.values(), ids=NOT_ASCII)
def test_a_token_that_is_not_ascii_is_refused(server, token):
    assert send(server, "/protected", b"Authorization: Bearer " + token).status == 401
