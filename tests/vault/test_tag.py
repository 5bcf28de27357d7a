"""One-time tags: their bytes, and finding one's own."""

import hmac
import itertools
from hashlib import sha256

import pytest

from vault.core.tag import TagError, find_tags, make_tag, person_tags

SECRET = bytes(range(32))


def test_a_tag_is_the_mac_of_label_and_counter() -> None:
    for counter in (1, 2, 2**64 - 1):
        message = b"theriac/tag/v1\n" + counter.to_bytes(8, "big")
        assert make_tag(SECRET, counter) == hmac.new(SECRET, message, sha256).hexdigest()


@pytest.mark.parametrize("counter", [0, -1, 2**64])
def test_a_counter_outside_the_range_is_refused(counter: int) -> None:
    with pytest.raises(TagError, match="a counter outside"):
        make_tag(SECRET, counter)


def test_a_secret_of_another_size_is_refused() -> None:
    with pytest.raises(TagError, match="a secret of 31 bytes"):
        make_tag(SECRET[1:], 1)


def test_the_person_finds_every_subset_of_the_tags_and_its_gaps() -> None:
    tags = dict(person_tags(SECRET, 6))
    strangers = {make_tag(bytes(32), counter) for counter in range(1, 7)}
    for shown in itertools.product([True, False], repeat=6):
        seen = {tags[counter] for counter in tags if shown[counter - 1]} | strangers
        search = find_tags(SECRET, 6, seen=seen)
        assert search.found == tuple(counter for counter in tags if shown[counter - 1])
        assert search.gaps == tuple(counter for counter in tags if not shown[counter - 1])


def test_nothing_counted_is_nothing_found() -> None:
    search = find_tags(SECRET, 0, seen={make_tag(SECRET, 1)})
    assert (search.found, search.gaps) == ((), ())
