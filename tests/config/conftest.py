"""The worker's channel with an insurer, for tests of the whole API."""

from tests.claims.conftest import new_insurer  # noqa: F401 - a fixture
from tests.graphql.conftest import world  # noqa: F401 - a fixture
