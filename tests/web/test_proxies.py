import ipaddress
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.networks import parse_networks
from watchword.web.http import Headers, Request
from watchword.web.proxies import ClientFinder, find_client_address

PROXIES = ("10.0.0.0/8", "2001:db8::/32")
NETWORKS = parse_networks(PROXIES)

WALKS = {
    "no proxy is trusted": ("203.0.113.9", "198.51.100.7", (), "203.0.113.9"),
    "the peer is no proxy": ("203.0.113.9", "198.51.100.7", PROXIES, "203.0.113.9"),
    "one proxy": ("10.0.0.1", "203.0.113.9", PROXIES, "203.0.113.9"),
    "two proxies": ("10.0.0.1", "203.0.113.9, 10.0.0.2", PROXIES, "203.0.113.9"),
    "a spoofed entry before the true one": ("10.0.0.1", "198.51.100.7, 203.0.113.9", PROXIES, "203.0.113.9"),
    "a spoofed proxy before the true one": (
        "10.0.0.1",
        "1.1.1.1, 10.9.9.9, 203.0.113.9",
        PROXIES,
        "203.0.113.9",
    ),
    "a client that is a proxy": ("10.0.0.1", "10.0.0.2", PROXIES, "10.0.0.2"),
    "no header": ("10.0.0.1", None, PROXIES, "10.0.0.1"),
    "an empty header": ("10.0.0.1", "", PROXIES, "10.0.0.1"),
    "a port": ("10.0.0.1", "203.0.113.9:4711", PROXIES, "203.0.113.9"),
    "brackets": ("10.0.0.1", "[2001:db9::7]", PROXIES, "2001:db9::7"),
    "brackets and a port": ("10.0.0.1", "[2001:db9::7]:4711", PROXIES, "2001:db9::7"),
    "IPv6 in another spelling": ("10.0.0.1", "2001:DB9:0::0007", PROXIES, "2001:db9::7"),
    "an IPv6 proxy": ("2001:db8::1", "203.0.113.9", PROXIES, "203.0.113.9"),
    "an IPv4 proxy on an IPv6 socket": ("::ffff:10.0.0.1", "203.0.113.9", PROXIES, "203.0.113.9"),
    "an IPv4 stranger on an IPv6 socket": ("::ffff:11.0.0.1", "203.0.113.9", PROXIES, "11.0.0.1"),
    "garbage": ("10.0.0.1", "unknown", PROXIES, "10.0.0.1"),
    "garbage stops the walk": ("10.0.0.1", "203.0.113.9, <script>, 10.0.0.2", PROXIES, "10.0.0.2"),
    "an open bracket": ("10.0.0.1", "[", PROXIES, "10.0.0.1"),
    "nothing but commas": ("10.0.0.1", ",,,", PROXIES, "10.0.0.1"),
    "blanks": ("10.0.0.1", "  203.0.113.9\t", PROXIES, "203.0.113.9"),
    "no peer": (None, "203.0.113.9", PROXIES, None),
    "a Unix socket": ("", "203.0.113.9", PROXIES, None),
    "a peer that a middleware made of something else": ("<script>", "203.0.113.9", PROXIES, None),
    "a peer with a zone": ("fe80::1%eth0", None, (), "fe80::1"),
    "a zone": ("10.0.0.1", "fe80::1%eth0", PROXIES, "fe80::1"),
    "a zone of any text": ("10.0.0.1", "fe80::1%<img src=x>", PROXIES, "fe80::1"),
    "a proxy with a zone": ("2001:db8::1%eth0", "203.0.113.9", PROXIES, "203.0.113.9"),
}


@pytest.mark.parametrize(("peer", "forwarded_for", "trusted", "expected"), WALKS.values(), ids=WALKS)
def test_only_what_a_trusted_proxy_appended_is_believed(peer, forwarded_for, trusted, expected):
    assert find_client_address(peer, forwarded_for, parse_networks(trusted)) == expected


@given(
    header=st.text(max_size=60)
    | st.lists(st.sampled_from(["10.0.0.2", "[::1", "8.8.8.8:x", ":"])).map(",".join)
)
def test_whatever_the_header_holds_the_answer_is_an_address(header):
    ipaddress.ip_address(find_client_address("10.0.0.1", header, NETWORKS))


@given(spoofed=st.lists(st.ip_addresses().map(str)))
def test_what_a_client_sends_itself_changes_nothing(spoofed):
    header = ", ".join([*spoofed, "203.0.113.9"])
    assert find_client_address("10.0.0.1", header, NETWORKS) == "203.0.113.9"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded_for", "warned"),
    [
        ((), "10.0.0.1", "203.0.113.9", "trusted_proxies, and was ignored. .* 10.0.0.1$"),
        (("192.0.2.0/24",), "10.0.0.1", "203.0.113.9", "trusted_proxies, and was ignored"),
        (PROXIES, "", "203.0.113.9", "address of a client is not known"),
        ((), None, None, "address of a client is not known"),
        (PROXIES, "10.0.0.1", "203.0.113.9", None),
        (PROXIES, "203.0.113.9", None, None),
        ((), "203.0.113.9", "", None),
    ],
)
def test_limits_by_address_that_cannot_work_are_told_once(caplog, trusted, peer, forwarded_for, warned):
    finder = ClientFinder(trusted)
    fields = [] if forwarded_for is None else [("X-Forwarded-For", forwarded_for)]
    request = Request(peer=peer, headers=Headers(fields))
    found = {finder.find(request).ip_address for _ in range(3)}
    assert found == {find_client_address(peer, forwarded_for, parse_networks(trusted))}
    if warned is None:
        assert caplog.records == []
    else:
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("watchword.web", logging.WARNING)
        assert re.search(warned, record.getMessage())
