"""Networks that an API key may be used from."""

import pytest

from accounts.networks import NetworkError, is_inside, parse_network


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_has_one_spelling(text: str, network: str) -> None:
    assert parse_network(text) == network


@pytest.mark.parametrize("text", ["", "x", "192.0.2.1/24", "192.0.2.0/33", "\x00", "1"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(NetworkError, match="is no network"):
        parse_network(text)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.0", True),
        ("192.0.2.255", True),
        ("192.0.3.0", False),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_an_address_is_inside_or_not(address: str, *, inside: bool) -> None:
    assert is_inside(address, ["192.0.2.0/24", "2001:db8::/32"]) is inside


@pytest.mark.parametrize("address", ["192.0.2.1", "unknown"])
def test_without_networks_anywhere_is_inside(address: str) -> None:
    assert is_inside(address, [])
