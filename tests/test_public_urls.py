"""Public URLs of services."""

import pytest

from watchword.public_urls import PublicUrl, parse_public_url

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://login.example", PublicUrl("https://login.example", "")),
        ("https://login.example/", PublicUrl("https://login.example", "")),
        ("https://Login.Example:8443/a/b-c", PublicUrl("https://Login.Example:8443", "/a/b-c")),
        ("https://login.example/a/", PublicUrl("https://login.example", "/a")),
        ("https://[2001:db8::7]:8443/a", PublicUrl("https://[2001:db8::7]:8443", "/a")),
        ("http://localhost:8000", PublicUrl("http://localhost:8000", "")),
        ("http://app.localhost/a", PublicUrl("http://app.localhost", "/a")),
        ("http://127.0.0.1:8000", PublicUrl("http://127.0.0.1:8000", "")),
        ("http://[::1]:8000", PublicUrl("http://[::1]:8000", "")),
        ("http://LOCALHOST", PublicUrl("http://LOCALHOST", "")),
    ],
)
def test_a_public_url_is_parsed(text, expected):
    assert parse_public_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "watchword",
        "login.example",
        "//login.example",
        "http://login.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "HTTPS://login.example",
        "ftp://login.example",
        "https://",
        "https://user@login.example",
        "https://user:password@login.example",
        "https://login.example?a=b",
        "https://login.example#a",
        "https://login.example/a//b",
        "https://login.example//",
        "https://login.example/a/../b",
        "https://login.example/.",
        "https://login.example/%61",
        "https://login.example/{tenant}",
        "https://login.example/ä",
        "https://lögin.example",
        "https://login.example\n",
        "https://login.example/a\n",
        " https://login.example",
        'https://login.example/"',
    ],
)
def test_another_text_is_not_a_public_url(text):
    assert parse_public_url(text) is None


def test_well_known_paths_are_inserted_between_host_and_path():
    url = parse_public_url("https://login.example/tenant/")
    assert url is not None
    assert url.insert(WELL_KNOWN) == f"https://login.example{WELL_KNOWN}/tenant"
    assert url.append("/auth/token") == "https://login.example/tenant/auth/token"
