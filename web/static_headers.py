"""Headers of static files that WhiteNoise does not set by itself."""

from collections.abc import MutableMapping

# A worker obeys the policy of its own script's answer, not that of the page which starts it.
SCRIPT_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; base-uri 'none'"
)


def static_headers(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """Keep scripts that run as workers, and what they load, to this server."""
    del path
    if url.endswith(".js"):
        headers["Content-Security-Policy"] = SCRIPT_POLICY
