"""Networks that an API key may be used from, in CIDR notation (RFC 4632 section 3.1)."""

import ipaddress
from collections.abc import Sequence

from foundation.core.problem import BadInputError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NetworkError(BadInputError):
    """The text is no network in CIDR notation, or has bits set behind its prefix."""

    slug = "bad-network"
    title = "This is not a network"


def parse_network(text: str) -> str:
    """Return the network in its one spelling; raise ``NetworkError``."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise NetworkError(f"{text[:50]!a} is no network such as 192.0.2.0/24") from error


def is_inside(address: str, networks: Sequence[str]) -> bool:
    """Return whether ``address`` lies in one of ``networks``; no networks means anywhere.

    What is no address lies nowhere. IPv4 seen through an IPv6 socket counts as IPv4.
    """
    if not networks:
        return True
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ipaddress.ip_network(network) for network in networks)
