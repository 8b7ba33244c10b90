from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from watchword.errors import InvalidSettings
from watchword.providers.locations import Location, parse_location

GOOD = [
    ("https://idp.example", Location("https", "idp.example", 443, "idp.example", "/")),
    ("https://IDP.example/a/b?c=d&e", Location("https", "idp.example", 443, "IDP.example", "/a/b?c=d&e")),
    ("https://idp.example:8443/x", Location("https", "idp.example", 8443, "idp.example:8443", "/x")),
    ("http://127.0.0.1:1/", Location("http", "127.0.0.1", 1, "127.0.0.1:1", "/")),
    ("https://[2001:4860::1]:8443/", Location("https", "2001:4860::1", 8443, "[2001:4860::1]:8443", "/")),
    ("https://xn--x.example?q", Location("https", "xn--x.example", 443, "xn--x.example", "/?q")),
    ("https://idp.example./", Location("https", "idp.example.", 443, "idp.example.", "/")),
]  # fmt: skip
BAD = [
    *("", "idp.example", "//idp.example/x", "/x", "https:", "https://", "https:///x", "https:idp.example"),
    *("ftp://idp.example", "file:///etc/passwd", "HTTPSX://idp.example", "javascript:x"),
    *("https://user@idp.example", "https://a:b@idp.example", "https://idp.example@127.0.0.1/"),
    *("https://idp.example#x", "https://idp.example/#", "https://idp.example\\@127.0.0.1/"),
    *("https://idp.example\n", " https://idp.example", "https://idp example", "https://idp.example/\x00"),
    *("https://bücher.example", "https://idp.example/ü", "https://idp.example/{tenantid}/v2.0"),
    *("https://idp.example:0x50", "https://idp.example:99999", "https://idp.example:-1"),
    *("https://[::1", "https://[idp.example]", "https://[fe80::1%25eth0]/", "https://%31%32%37.0.0.1"),
    *(
        "https://idp.example[::1]/",
        "https://[::1]idp.example/",
        "https://[::1]x:443/",
        "https://idp.example:0/",
    ),
    *("https://idp.example:/", "https://idp.example:0443/"),
    *("https://-idp.example", "https://.", "https://*.example", "https://idp.example/" + "x" * 2_048),
    None,
    b"https://idp.example",
    5,
]


@pytest.mark.parametrize(("url", "location"), GOOD, ids=[url for url, _ in GOOD])
def test_a_url_comes_apart(url, location):
    assert parse_location(url) == location


@pytest.mark.parametrize("url", BAD, ids=[repr(url)[:40] for url in BAD])
def test_what_could_mean_two_things_is_refused(url):
    with pytest.raises(InvalidSettings):
        parse_location(url)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(("localhost", True), ("idp.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True)),
        *(("[::1]", True), ("[::ffff:127.0.0.1]", True), ("10.0.0.1", False), ("localhost.example", False)),
        *(("notlocalhost", False), ("idp.example", False), ("127.0.0.1.example", False)),
    ],
)
def test_this_machine_is_known_by_name_and_by_address(host, loopback):
    assert parse_location(f"http://{host}/").is_loopback is loopback


AUTHORITY = st.text("ax10.-_:@[]%\\\\#?/ \n\u00e9", max_size=15)


@given(st.sampled_from(["http", "https"]), AUTHORITY, st.text("/?#@:\\\\a", max_size=5))
def test_another_parser_finds_the_same_host_in_what_is_taken(scheme, authority, rest):
    url = f"{scheme}://a{authority}{rest}"
    with suppress(InvalidSettings):
        location, other = parse_location(url), parse_url(url)
        port = other.port or {"https": 443, "http": 80}[scheme]
        assert (other.host, port) == (location.host, location.port)
        assert (other.auth, other.fragment) == (None, None)


def test_the_query_of_a_location_is_not_shown():
    location = parse_location("https://idp.example/keys?code=hidden")
    assert f"{location!r}" == "Location(https://idp.example/keys)"


@pytest.mark.parametrize("url", [["https://user:hidden@idp.example"], {"hidden"}, b"hidden"], ids=repr)
def test_a_value_in_place_of_a_url_is_not_shown(url):
    with pytest.raises(InvalidSettings) as caught:
        parse_location(url)
    assert "hidden" not in str(caught.value)
    assert str(caught.value).endswith(f", not {type(url).__name__}")
