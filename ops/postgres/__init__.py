"""The embedded PostgreSQL: a small runner for binaries that others built.

One server belongs to one home folder. Whoever uses it holds a shared lock; whoever can take the
lock alone on leaving stops the server. Passwords are random and kept in a file of mode 0600;
the server listens on 127.0.0.1 only and has no Unix socket.

    with ensure_server(home, profile="safe") as server:
        ensure_roles(server.admin_url())
        ensure_database(server.admin_url(), "theriac")
        os.environ |= urls(server.admin_url(), "theriac")
"""

from ops.postgres.roles import ensure_database, ensure_roles, urls
from ops.postgres.server import Server, destroy_server, ensure_server

__all__ = [
    "Server",
    "destroy_server",
    "ensure_database",
    "ensure_roles",
    "ensure_server",
    "urls",
]
