"""Pages for addresses that are nowhere, and for faults of ours: in the house's own words."""

import pytest
from django.http import HttpRequest
from django.test import Client
from django.views.defaults import server_error


@pytest.mark.usefixtures("db")
def test_an_unknown_address_leads_to_the_first_page(anyone: Client) -> None:
    answer = anyone.get("/nowhere/")
    assert answer.status_code == 404
    assert '<a href="/">first page</a>' in " ".join(answer.content.decode().split())


@pytest.mark.usefixtures("db")
def test_programs_get_problem_details_instead(anyone: Client) -> None:
    answer = anyone.get("/api/v1/nowhere")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_fault_of_ours_says_so_and_nothing_else() -> None:
    answer = server_error(HttpRequest())
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.content.decode()
