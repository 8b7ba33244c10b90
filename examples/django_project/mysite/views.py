"""The views of the project: functions and classes, synchronous and on an event loop."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views import View

from watchword.web.django import auth, protect


@protect
def profile(request: HttpRequest) -> JsonResponse:
    """Show a user that has logged in."""
    return JsonResponse({"subject": request.identity.subject, "name": request.user.get_username()})


@protect(scopes="reports")
async def reports(request: HttpRequest) -> JsonResponse:
    """Show reports to users in the group "reports"."""
    user = await request.auser()
    return JsonResponse({"reports of": user.get_username()})


@protect(fresh=300)
class Sessions(View):
    """The sessions of a user, for a login of the last five minutes."""

    def delete(self, request: HttpRequest) -> JsonResponse:
        """Log the user out everywhere."""
        auth.core.end_all(request.identity.subject)
        return JsonResponse({"ended": True})


def welcome(request: Any) -> JsonResponse:
    """Greet a user, or anybody else."""
    return JsonResponse({"hello": request.identity.username if request.identity else "stranger"})
