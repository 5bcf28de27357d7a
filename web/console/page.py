"""``GET /graphql/``: a console for staff. Everybody else has POST, and no page."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie

from foundation.graphql.view import is_staff
from foundation.problems import MethodNotAllowedError, problem_response

EXAMPLE = """\
query Overview($first: Int = 10) {
  me { kind scopes }
  checkpoint { size rootHash signedAt }
  members(first: $first) {
    edges { node { id name kind gln } }
    pageInfo { hasNextPage endCursor }
  }
}"""


@ensure_csrf_cookie
def console_page(request: HttpRequest) -> HttpResponseBase:
    """Show the console to staff; send a browser to log in, and refuse everybody else (405)."""
    if is_staff(request):
        return render(request, "console/page.html", {"example": EXAMPLE})
    is_browser = "text/html" in request.headers.get("Accept", "")
    if is_browser and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    response = problem_response(MethodNotAllowedError("send the query by POST"))
    response["Allow"] = "POST, OPTIONS"
    return response
