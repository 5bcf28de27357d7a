"""Answers that lie, hang, break off or never end are refused, and are nobody's fault."""

import socket

import pytest

from tests.client.hostile import answering, dripping, http
from theriac_client import Web
from theriac_client.errors import AnswerError, UnreachableError

pytestmark = pytest.mark.enable_socket


def test_a_whole_answer_is_returned() -> None:
    chunked = http(b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "X-One: 1")
    with answering(http(b"abc", "Content-Length: 3", "X-One: 1"), chunked) as address:
        for _ in range(2):
            answer = Web(address).get("/", limit=3)
            assert (answer.status, answer.body, answer.headers["x-one"]) == (200, b"abc", "1")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (http(b"abcd", "Content-Length: 4"), AnswerError),  # over the limit
        (http(b"4\r\nabcd\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), AnswerError),
        (http(b"ab"), UnreachableError),  # whoever says no length may have been cut off
        (http(b"ab", "Content-Length: 3"), UnreachableError),  # broken off
        (http(b"4\r\nab", "Transfer-Encoding: chunked"), UnreachableError),
        (http(b"zz\r\n", "Transfer-Encoding: chunked"), UnreachableError),
        (b"HTTP/1.1 200", UnreachableError),
        (b"", UnreachableError),
        (b"SSH-2.0-x\r\n", UnreachableError),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", UnreachableError),
        (http(b"", *[f"H{n}: x" for n in range(200)]), UnreachableError),
    ],
)
def test_a_bad_answer_is_none(raw: bytes, error: type[Exception]) -> None:
    with answering(raw) as address, pytest.raises(error):
        Web(address).get("/", limit=3)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\n", http(b"a", "Content-Length: 3")])
def test_who_hangs_is_given_up(raw: bytes) -> None:
    with answering(raw, hold=True) as address, pytest.raises(UnreachableError):
        Web(address, timeout_s=0.3).get("/")


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        (http(b"", "Content-Length: 60"), b"a"),
        (http(b"", "Transfer-Encoding: chunked"), b"1\r\na\r\n"),
    ],
)
def test_who_never_ends_is_cut_off(head: bytes, drop: bytes) -> None:
    with (
        dripping(head, drop, 60) as address,
        pytest.raises(UnreachableError, match="it took too long"),
    ):
        Web(address, timeout_s=0.5).get("/")


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnreachableError, match="no answer from"):
        Web(f"http://127.0.0.1:{port}").get("/")


def test_a_redirect_is_not_followed() -> None:
    moved = http(b"", "Location: http://127.0.0.1:1/", "Content-Length: 0", status="302 Found")
    with answering(moved) as address:
        assert Web(address).get("/").status == 302


def test_a_refusal_says_why_in_one_line() -> None:
    body = b'{"type":"urn:theriac:problem:x","detail":"so\\nand so"}'
    with answering(
        http(body, f"Content-Length: {len(body)}", status="400 Bad"),
        http(b"<html>", "Content-Length: 6"),
    ) as address:
        assert Web(address).get("/").problem() == ("urn:theriac:problem:x", "so and so")
        assert Web(address).get("/").problem() == ("", "status 200")
