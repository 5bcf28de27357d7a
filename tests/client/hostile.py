"""A server that answers what a test tells it to, byte by byte if it must."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(*answers: bytes, hold: bool = False) -> Iterator[str]:
    """Answer each connection with the next bytes; ``hold`` keeps it open, saying nothing more."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            for answer in answers:
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(answer)
                        if hold:
                            over.wait(30)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            over.set()


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return an answer with these headers and this body, whatever they claim."""
    lines = [f"HTTP/1.1 {status}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def dripping(head: bytes, drop: bytes, drops: int) -> Iterator[str]:
    """Answer one connection with ``head``, then drop by drop: each in time, all of them not."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(head)
                    for _ in range(drops):
                        over.wait(0.05)
                        connection.sendall(drop)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            over.set()
