"""Word of a commit reaches who listens, and only once it is committed."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from foundation.core.actor import PUBLIC
from foundation.notices import listening, notify
from foundation.tenancy import acting_as

LONG_S, SHORT_S = 60.0, 0.2


def in_another_session(act: Callable[[], None]) -> None:
    def run() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def tell(*, fails: bool = False) -> None:
    with acting_as(PUBLIC):
        notify("theriac_test")
        if fails:
            raise RuntimeError


@pytest.mark.usefixtures("channel")
def test_a_notice_ends_the_wait_also_where_it_came_before() -> None:
    with listening("theriac_test") as wait:
        in_another_session(tell)
        in_another_session(tell)
        assert wait(LONG_S)
        # Both were word of the same: nothing is left to hear.
        assert not wait(SHORT_S)


@pytest.mark.usefixtures("channel")
def test_what_is_rolled_back_is_not_told() -> None:
    with listening("theriac_test") as wait:
        with pytest.raises(RuntimeError):
            tell(fails=True)
        assert not wait(SHORT_S)


@pytest.mark.usefixtures("channel")
def test_nothing_is_heard_any_more_once_nobody_listens() -> None:
    with listening("theriac_test"):
        pass
    in_another_session(tell)
    with listening("theriac_test") as wait:
        assert not wait(SHORT_S)
