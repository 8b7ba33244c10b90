"""Network addresses: which of them may be connected to on somebody else's word."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal, TypeAlias

__all__ = ["Reach", "reach"]

Reach: TypeAlias = Literal["public", "private", "loopback", "never"]
"""Where an address lies: on the Internet, in a network of one's own, on this machine; or where nobody's keys
are: the metadata services of clouds, link-local, multicast, unspecified, reserved."""

_PRIVATE = tuple(
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)  # RFC 1918, RFC 6598, RFC 4193
_METADATA = frozenset(
    ip_address(address) for address in ("100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")
)  # where clouds give out credentials (Alibaba, Azure, AWS, Google), besides link-local 169.254.169.254
_UNICAST = ip_network("2000::/3")  # all that is global in IPv6 so far
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 §2.1: an IPv4 address in its last 32 bits


def reach(address: str) -> Reach:
    """Where an address lies. One of IPv6 that stands for one of IPv4 lies where that does.

    Args:
        address: as the resolver gives it, a zone included.
    """
    ip = _meant(ip_address(address.partition("%")[0]))
    if ip.is_loopback:
        return "loopback"
    if ip in _METADATA:
        return "never"
    if any(ip in network for network in _PRIVATE):
        return "private"
    unicast = ip in _UNICAST if ip.version == 6 else not (ip.is_multicast or ip.is_reserved)
    return "public" if unicast and ip.is_global else "never"


def _meant(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address that packets go to in the end."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
