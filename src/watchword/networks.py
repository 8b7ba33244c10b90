"""Network addresses: where an address lies, and which addresses count as a single client."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, TypeAlias

__all__ = [
    "Address",
    "Network",
    "Reach",
    "find_reach",
    "is_loopback",
    "parse_address",
    "parse_networks",
    "to_network",
    "to_site",
]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

Reach: TypeAlias = Literal["public", "private", "loopback", "never"]
"""Where an address lies: on the Internet, in a private network, or on this machine. ``never`` marks addresses
that providers never have: of metadata services, link-local, multicast, unspecified and reserved addresses."""

_PRIVATE = tuple(
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)  # RFC 1918, RFC 6598, RFC 4193
_METADATA = frozenset(
    ip_address(address) for address in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")
)  # Clouds give out credentials here (Alibaba, Azure, AWS, Google), besides link-local 169.254.169.254.
_UNICAST = ip_network("2000::/3")  # IPv6 has no other global addresses so far.
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 §2.1: the last 32 bits are an IPv4 address.


def find_reach(address: str) -> Reach:
    """Tell where an address lies. For an IPv6 address that embeds an IPv4 address, the IPv4 address decides.

    Args:
        address: as the resolver returns it. A zone (``%eth0``) may follow.

    Raises:
        ValueError: it is not an IP address.
    """
    ip = _find_destination(ip_address(address.partition("%")[0]))
    if ip.is_loopback:
        return "loopback"
    if ip in _METADATA:
        return "never"
    if any(ip in network for network in _PRIVATE):
        return "private"
    unicast = ip in _UNICAST if ip.version == 6 else not (ip.is_multicast or ip.is_reserved)
    return "public" if unicast and ip.is_global else "never"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name (RFC 6761 §6.3) or by its address.

    Args:
        host: a name or an address, in lower case and without brackets.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return parse_address(host) is not None and find_reach(host) == "loopback"


def parse_address(text: str) -> Address | None:
    """Parse the address of a client. The same client always has the same address.

    A zone id (RFC 4007) is dropped, because it may be any text. An IPv4 address that is written as
    ``::ffff:192.0.2.1``, as an IPv6 socket shows it, is the IPv4 address.

    Args:
        text: any text. A client may have chosen it.

    Returns:
        The address, or ``None`` if the text is not an IP address.
    """
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    if isinstance(ip, IPv4Address):
        return ip
    return ip.ipv4_mapped or IPv6Address(int(ip))  # The integer carries no zone id.


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks such as ``10.0.0.0/8``. A single address is a network of its own.

    Raises:
        ValueError: a text is not a network, or is an address within a network.
    """
    return tuple(ip_network(text) for text in texts)


def to_network(address: str | None) -> str | None:
    """Convert the address of a client to the network that counts as a single client.

    The network of an IPv4 address is the address itself, also if it is written as ``::ffff:192.0.2.1``. The
    network of an IPv6 address is its /64, because a customer gets at least a /64 and may use all of it. A
    zone id (RFC 4007) is ignored.

    Args:
        address: any text. A client may have chosen it.

    Returns:
        The network, or ``None`` if the text is not an IP address. The path of a Unix socket is an example.
    """
    ip = parse_address(address or "")
    if isinstance(ip, IPv6Address):
        return str(IPv6Network((ip, 64), strict=False))
    return None if ip is None else str(ip)


def to_site(network: str) -> str:
    """Convert a network from :func:`to_network` to the site that may own all of it.

    A site gets an IPv6 /48 (RFC 6177) and so has 65,536 networks. An IPv4 address is a site of its own.
    """
    if ":" not in network:
        return network
    return str(IPv6Network(network).supernet(new_prefix=48))


def _find_destination(ip: Address) -> Address:
    """Return the address that packets reach in the end: the embedded IPv4 address, if any."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
