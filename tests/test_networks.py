import pytest

from watchword.networks import find_reach, parse_address, parse_networks, to_network, to_site

CASES = {
    "public": ["8.8.8.8", "93.184.216.34", "2001:4860:4860::8888", "2606:4700::1111", "::ffff:8.8.8.8"],
    "private": [
        *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
        *("fc00::1", "fd00:ec2::253", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
    ],
    "loopback": [
        *("127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::1"),
    ],
    "never": [
        *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
        *("100.100.100.200", "::ffff:100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"),
        *("fe80::1", "fe80::1%eth0", "fec0::1", "0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "240.0.0.1"),
        *("224.0.0.1", "224.0.1.1", "239.1.2.3", "ff02::1", "ff0e::1", "192.0.2.1", "198.18.0.1"),
        *("192.0.0.1", "2001:db8::1", "2001::1", "100::1", "::8.8.8.8", "64:ff9b:1::1", "4000::1"),
    ],
}


@pytest.mark.parametrize(
    ("address", "expected"), [(address, where) for where, addresses in CASES.items() for address in addresses]
)
def test_an_address_lies_where_its_packets_go(address, expected):
    assert find_reach(address) == expected


@pytest.mark.parametrize(
    ("inside", "outside"),
    [("172.16.0.0", "172.15.255.255"), ("172.31.255.255", "172.32.0.0"), ("100.127.255.255", "100.128.0.0")],
)
def test_the_edges_of_private_networks_are_exact(inside, outside):
    assert (find_reach(inside), find_reach(outside)) == ("private", "public")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::0007", "2001:db8::7"),
        ("fe80::1%<img src=x>", "fe80::1"),
        *(
            (text, "None")
            for text in ("", "unix:", " 192.0.2.1", "192.0.2.1:80", "[::1]", "192.0.2.1/8", "é")
        ),
    ],
)
def test_an_address_of_a_client_is_parsed_to_a_single_spelling(text, address):
    assert str(parse_address(text)) == address


def test_a_network_is_parsed_only_by_its_own_address():
    assert [str(network) for network in parse_networks(["10.0.0.0/8", "::1"])] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(ValueError, match="host bits"):
        parse_networks(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:DB8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("fe80::2%eth0", "fe80::/64"),
        *((text, None) for text in (None, "", "unix:", "localhost", "1.2.3.4:80", "1.2.3.4/8", "\0", "é")),
    ],
)
def test_an_ipv4_address_and_an_ipv6_64_are_networks_and_other_text_is_not(address, network):
    assert to_network(address) == network


@pytest.mark.parametrize(
    ("network", "site"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::/64", "2001:db8::/48"),
        ("2001:db8:0:ffff::/64", "2001:db8::/48"),
        ("2001:db8:1:1::/64", "2001:db8:1::/48"),
    ],
)
def test_the_site_of_an_ipv6_network_is_its_48(network, site):
    assert to_site(network) == site
