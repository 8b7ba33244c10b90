"""What is thrown at the server: a clear 4xx each time, no echo, nothing written."""

import json

import pytest

# Stands in whatever is sent, and may come back in no answer and no log.
MARK = "swordfish"

JSON = {"Content-Type": "application/json"}
LOGIN = {"username": "admin", "password": MARK}

BAD_BODIES = {
    "empty": b"",
    "not JSON": b"username=swordfish&password=swordfish",
    "cut off": b'{"username": "swordfish", "password": "swordfi',
    "something after it": json.dumps(LOGIN).encode() + b" swordfish",
    "an array": b'["swordfish", "swordfish"]',
    "a text": b'"swordfish"',
    "a number": b"1",
    "null": b"null",
    "no password": b'{"username": "swordfish"}',
    "no username": b'{"password": "swordfish"}',
    "a numeric password": b'{"username": "swordfish", "password": 1}',
    "a null password": b'{"username": "swordfish", "password": null}',
    "a list for a username": b'{"username": ["swordfish"], "password": "swordfish"}',
    "an object for a username": b'{"username": {"a": "swordfish"}, "password": "swordfish"}',
    "invalid UTF-8": b'{"username": "swordfish\xff", "password": "swordfish"}',
    "UTF-16": json.dumps(LOGIN).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(LOGIN).encode(),
    "a bare NUL": b'{"username": "swordfish\x00", "password": "swordfish"}',
    "NUL in the username": b'{"username": "swordfish\\u0000", "password": "swordfish"}',
    "NUL in the password": b'{"username": "swordfish", "password": "swordfish\\u0000"}',
    "a lone surrogate": b'{"username": "swordfish\\ud800", "password": "swordfish"}',
    "deep nesting": b'{"username": ' + b"[" * 8000,
    "deep nesting in another member": b'{"other": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "NaN": b'{"username": NaN, "password": "swordfish"}',
}


@pytest.fixture(autouse=True)
def nothing_is_written_or_repeated(server):
    """Holds for every test here."""
    before = server.written()
    yield
    assert server.written() == before
    assert MARK not in server.log
    assert "Traceback" not in server.log


def is_refused(answer, status, error):
    assert (answer.status, answer.json["error"]) == (status, error), answer.body
    assert answer.json.keys() == {"error", "error_description"}
    assert answer.headers["Content-Type"] == "application/json"
    assert MARK.encode() not in answer.body
    return True


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh"])
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_of_another_form_is_an_invalid_request(server, path, body):
    is_refused(server.request("POST", path, body, headers=JSON), 400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"refresh_token=swordfish",
        b'{"refresh_token": "swordfi',
        b'["swordfish"]',
        b'{"refresh_token": 1}',
        b'{"refresh_token": "swordfish\xff"}',
    ],
)
def test_a_logout_with_a_body_of_another_form_is_an_invalid_request(server, body):
    is_refused(server.request("POST", "/auth/logout", body, headers=JSON), 400, "invalid_request")


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "json"],
)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout"])
def test_a_body_of_another_type_is_unsupported(server, path, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = json.dumps({**LOGIN, "refresh_token": MARK}).encode()
    is_refused(server.request("POST", path, body, headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize("size", [16_385, 2_000_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_a_body_over_16_kib_is_too_large(server, path, size, chunked):
    # good JSON up to the bound: cut off there it would be let through
    content = json.dumps({**LOGIN, "refresh_token": MARK}).encode().ljust(16_384)
    body = content + b" " * (size - len(content))
    if chunked:
        sent = [b"%x\r\n%b\r\n" % (len(part), part) for part in pieces(body, 65_536)] + [b"0\r\n\r\n"]
        length = b"Transfer-Encoding: chunked"
    else:
        sent, length = pieces(body, 65_536), b"Content-Length: %d" % size
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%b\r\n\r\n" % (
        path.encode(),
        length,
    )
    is_refused(server.send(head, *sent), 413, "body_too_large")


def pieces(body, size):
    return [body[start : start + size] for start in range(0, len(body), size)]


def test_a_length_that_is_announced_and_never_sent_is_refused_at_once(server):
    head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    is_refused(server.send(head + b"Content-Length: 99999999999\r\n\r\n"), 413, "body_too_large")


def test_a_password_of_2_mb_is_too_large(server):
    answer = server.request("POST", "/auth/login", {"username": "admin", "password": MARK * 222_223})
    is_refused(answer, 413, "body_too_large")


BAD_AUTHORIZATIONS = {
    "empty": (b"", 401, "missing_token"),
    "without a scheme": (b"swordfish", 401, "missing_token"),
    "another scheme": (b"Basic swordfish", 401, "missing_token"),
    "a scheme alone": (b"Bearer", 400, "invalid_request"),
    "two tokens": (b"Bearer swordfish, Bearer swordfish", 400, "invalid_request"),
    "a comma": (b"Bearer swordfish,swordfish", 400, "invalid_request"),
    "one segment": (b"Bearer swordfish", 401, "invalid_token"),
    "a space within": (b"Bearer swordfish swordfish", 401, "invalid_token"),
    "bad base64": (b"Bearer swordfish!.swordfish.swordfish", 401, "invalid_token"),
    "a JWE": (b"Bearer eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA", 401, "invalid_token"),
    "none for an algorithm": (b"Bearer eyJhbGciOiJub25lIn0.e30.", 401, "invalid_token"),
    "over the token's bound": (b"Bearer swordfish." + b"A" * 20_000 + b".A", 401, "invalid_token"),
}


@pytest.mark.parametrize(("value", "status", "error"), BAD_AUTHORIZATIONS.values(), ids=BAD_AUTHORIZATIONS)
def test_a_bad_authorization_header_lets_nobody_through(server, value, status, error):
    answer = server.send(b"GET /protected HTTP/1.1\r\nHost: x\r\nAuthorization: " + value + b"\r\n\r\n")
    is_refused(answer, status, error)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", [b"Bearer \xff\xfe\xfd", "Bearer sésame".encode()])
def test_bytes_that_are_no_text_let_nobody_through(server, value):
    answer = server.send(b"GET /protected HTTP/1.1\r\nHost: x\r\nAuthorization: " + value + b"\r\n\r\n")
    assert answer.status in {400, 401}
    assert answer.json["error"] in {"missing_token", "invalid_token", "invalid_request"}


def test_an_authorization_header_sent_twice_lets_nobody_through(server):
    twice = b"Authorization: Bearer swordfish\r\n" * 2
    answer = server.send(b"GET /protected HTTP/1.1\r\nHost: x\r\n" + twice + b"\r\n")
    is_refused(answer, 400, "invalid_request")


def test_a_header_of_1_mb_is_refused_by_the_http_server(server):
    head = b"GET /protected HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    answer = server.send(head, b"swordfish" * 111_112, b"\r\n\r\n")
    assert answer.status in {400, 431}
    assert MARK.encode() not in answer.body
    assert server.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/auth", "/auth/login/", "/auth/sessions/", "/%00", "/%ff", "/../etc/passwd"]
)
def test_an_unknown_route_is_not_found_as_json(server, path):
    is_refused(server.request("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth/login", "POST"),
        ("DELETE", "/auth/refresh", "POST"),
        ("GET", "/auth/logout", "POST"),
        ("POST", "/auth/me", "GET"),
        ("PUT", "/auth/sessions", "GET"),
        ("GET", "/auth/sessions/x", "DELETE"),
        ("POST", "/protected", "GET"),
        ("PATCH", "/.well-known/jwks.json", "GET"),
        ("BREW", "/auth/login", "POST"),
    ],
)
def test_a_wrong_method_is_refused_as_json_and_says_what_is_allowed(server, method, path, allowed):
    answer = server.request(method, path)
    is_refused(answer, 405, "method_not_allowed")
    assert allowed in answer.headers["Allow"].split(", ")


def test_a_path_cannot_forge_a_line_of_the_log(server, until):
    forged = "%0A[2026-01-01%2000:00:00,000]%20security%20INFO%20%7B%22event%22:%22forged%22%7D%0A"
    assert server.request("GET", f"/{forged}").status == 404
    until(lambda: "forged" in server.log, "the request is in the log")
    assert server.events("forged") == []


@pytest.mark.parametrize(
    "sent", [b"swordfish\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET /healthz HTTP/9.9\r\n\r\n"]
)
def test_what_is_not_http_does_not_disturb_the_server(server, sent):
    with server.connection() as connection:
        connection.sendall(sent)
    assert server.request("GET", "/healthz").status == 200
