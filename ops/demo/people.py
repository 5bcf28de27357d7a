"""A person of the story: logs in with a browser's means, and signs with a key of their own."""

import re
import secrets
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from django.utils import timezone

from accounts.services import membership_grant, user_create
from foundation.core.actor import SYSTEM, Role
from ops.demo.cast import Story
from ops.demo.party import Answer, Party, Speaker, UnexpectedAnswerError
from ops.up import HOST

LOGIN = "/admin/login/"
_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
_FOUND = 302


class Person(Speaker):
    """Somebody who works for a party; every request carries their session."""

    def __init__(self, *, name: str, email: str, password: str, port: int) -> None:
        """Nobody is logged in yet."""
        self.name, self.email, self.password, self.port = name, email, password, port
        self.cookies: dict[str, str] = {}

    def log_in(self) -> None:
        """Log in on the page, as a browser does; raise ``UnexpectedAnswerError``."""
        page = self.expect(200, "GET", LOGIN)
        token = _TOKEN.search(page.body)
        if token is None:
            raise UnexpectedAnswerError("the log-in page has no token")
        form = {
            "csrfmiddlewaretoken": token[1].decode(),
            "username": self.email,
            "password": self.password,
        }
        body = urlencode(form).encode()
        self.expect(_FOUND, "POST", LOGIN, body, media_type="application/x-www-form-urlencoded")

    def request_headers(self) -> dict[str, str]:
        """Return the session's cookies and its token."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        token = self.cookies.get("csrftoken", "")
        return {
            "Cookie": cookies,
            "X-CSRFToken": token,
            "Referer": f"http://{HOST}:{self.port}{LOGIN}",
        }

    def took(self, answer: Answer) -> None:
        """Keep the cookies that the server set."""
        for text in answer.cookies:
            for name, morsel in SimpleCookie(text).items():
                self.cookies[name] = morsel.value


def employ(party: Party, *, name: str, roles: list[Role], email: str) -> Person:
    """Let a party take somebody on, who logs in at once."""
    now = timezone.now()
    password = secrets.token_urlsafe(12)
    user_id = user_create(actor=SYSTEM, email=email, password=password, is_staff=True, now=now)
    membership_grant(
        actor=SYSTEM,
        user_id=user_id,
        organisation_id=party.organisation_id,
        roles=roles,
        now=now,
    )
    person = Person(name=name, email=email, password=password, port=party.port)
    person.log_in()
    return person


def take_key(story: Story, person: Person) -> None:
    """Give a person a key of their own, and return when it may sign."""
    answer = person.expect(201, "POST", "/api/v1/keys/mine", {}, Prefer="wait=10")
    if "theriac-log-index" not in answer.headers:
        raise UnexpectedAnswerError("the person's key was not sequenced in time")
    story.keep_receipt(answer.json())
