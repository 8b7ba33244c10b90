"""Requests that a decent client does not send, and how they are refused."""

from __future__ import annotations

from watchword_servers import Answer, ServerProcess

__all__ = ["BODIES", "HEADERS", "NOT_ASCII", "send"]

# Bytes of the header lines, with what the guard answers: 401 with a code, 401 without, or 400.
LONG = b"A" * 8_000
HEADERS = {
    "no value": (b"Authorization:", 401, None),
    "another scheme": (b"Authorization: Basic YWxpY2U6c2VjcmV0", 401, None),
    "another scheme, alike": (b"Authorization: Bearers a.b.c", 401, None),
    "the token alone": (b"Authorization: a.b.c", 401, None),
    "negotiate": (b"Authorization: Negotiate TlRMTVNTUAAB", 401, None),
    "not ASCII in the scheme": (b"Authorization: B\xe9arer a.b.c", 401, None),
    "garbage": (b"Authorization: Bearer garbage", 401, "invalid_token"),
    "lower case": (b"authorization: bearer garbage", 401, "invalid_token"),
    "dots": (b"Authorization: Bearer ....", 401, "invalid_token"),
    "empty parts": (b"Authorization: Bearer ..", 401, "invalid_token"),
    "two tokens": (b"Authorization: Bearer a.b.c d.e.f", 401, "invalid_token"),
    "twice the scheme": (b"Authorization: Bearer Bearer a.b.c", 401, "invalid_token"),
    "quoted": (b'Authorization: Bearer "a.b.c"', 401, "invalid_token"),
    "none": (b"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", 401, "invalid_token"),
    "not an object": (b"Authorization: Bearer W10.W10.AA", 401, "invalid_token"),
    "deeply nested": (b"Authorization: Bearer " + b"W1tb" * 1_000 + b".e30.AA", 401, "invalid_token"),
    "not UTF-8 inside": (b"Authorization: Bearer _w.__.AA", 401, "invalid_token"),
    "a percent sign": (b"Authorization: Bearer %00.%0a.%s", 401, "invalid_token"),
    "long": (b"Authorization: Bearer " + LONG, 401, "invalid_token"),
    "long parts": (b"Authorization: Bearer " + b".".join([LONG] * 3), 401, "invalid_token"),
    "many parts": (b"Authorization: Bearer " + b"a." * 4_000, 401, "invalid_token"),
    "no token": (b"Authorization: Bearer", 400, "invalid_request"),
    "a space for a token": (b"Authorization: Bearer  ", 400, "invalid_request"),
    "a comma": (b"Authorization: Bearer a.b.c,d.e.f", 400, "invalid_request"),
    "two headers": (b"Authorization: Bearer a\r\nAuthorization: Bearer b", 400, "invalid_request"),
}

NOT_ASCII = {"Latin-1": b"\xe4\xf6.\xfc.\xdf", "UTF-8": "äö.ü.ß".encode(), "not UTF-8": b"\xff\xfe.\x80.\xc3"}

# Bodies of a login with their type, and the status.
BODIES = {
    "no JSON": (b"{", "application/json", 400),
    "a form": (b"username=bob&password=x", "application/x-www-form-urlencoded", 415),
    "no type": (b'{"username": "bob", "password": "x"}', None, 415),
    "a list": (b"[]", "application/json", 400),
    "a member twice": (b'{"username": "a", "username": "b", "password": "x"}', "application/json", 400),
    "another type of member": (b'{"username": 5, "password": null}', "application/json", 400),
    "deeply nested": (b"[" * 10_000, "application/json", 400),
    "not UTF-8": (b'{"username": "\xff", "password": "x"}', "application/json", 400),
    "too long": (b" " * 20_000, "application/json", 413),
    "a wrong password": (b'{"username": "bob", "password": "x"}', "application/json", 401),
    "an unknown name": (b'{"username": "\\u0000", "password": "x"}', "application/json", 400),
}


def send(server: ServerProcess, path: str, lines: bytes) -> Answer:
    """Send a request with these header lines."""
    return server.send(
        b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%b\r\n\r\n" % (path.encode(), lines)
    )
