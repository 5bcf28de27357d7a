"""Fixtures of the pages' tests."""

import pytest
from pytest_django.fixtures import Settings

from tests.conftest import Channel
from tests.web.scanning import Pharmacist, pharmacist


@pytest.fixture
def person(channel: Channel, settings: Settings) -> Pharmacist:
    """Somebody who scans for a pharmacy, and whose password is checked quickly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return pharmacist(channel)
