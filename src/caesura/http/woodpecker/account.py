"""Who asks, and what this door has not."""

from starlette.responses import Response

from caesura.domain.scopes import Scope
from caesura.http.door import Call, Support
from caesura.http.woodpecker.door import WOODPECKER

_ALONE = "users are not known here: there is one, the workspace"


@WOODPECKER.on("GET", "/v1/me", Scope.CAMPAIGNS_READ, support=Support.PART, note=_ALONE)
async def get_me(call: Call) -> Response:
    """Tells that the key is good."""
    return call.answer({"user": _user(call), "status": {"status": "OK", "code": "OK", "msg": "OK"}})


@WOODPECKER.on("GET", "/v2/users", Scope.CAMPAIGNS_READ, support=Support.PART, note=_ALONE)
async def list_users(call: Call) -> Response:
    """One page with one user."""
    paging = {"total_elements": 1, "total_pages": 1, "current_page_number": 0, "page_size": 1}
    return call.answer({"content": [_user(call)], "pagination_data": paging})


def _user(call: Call) -> dict[str, object]:
    return {"id": call.workspace_id, "name": call.caller.actor, "role": "OWNER"}


def _lack() -> None:
    lacking = {
        "statistics of campaigns by this path: see v1/campaign_list": (
            ("GET", "/v2/campaigns"),
            ("GET", "/v2/campaigns/{campaign_id}/statistics"),
        ),
        "manual tasks": (("GET", "/v2/manual_tasks"),),
        "LinkedIn": (("GET", "/v2/linkedin_accounts"),),
        "reports": (("POST", "/v2/reports/campaigns"), ("GET", "/v2/reports/{hash}")),
        "agencies": (
            ("GET", "/v2/agency/companies"),
            ("POST", "/v2/agency/companies/{company_id}/api_keys"),
            ("GET", "/v2/agency/blacklist/emails"),
            ("POST", "/v2/agency/blacklist/emails"),
            ("DELETE", "/v2/agency/blacklist/emails"),
            ("GET", "/v2/agency/blacklist/domains"),
            ("POST", "/v2/agency/blacklist/domains"),
            ("DELETE", "/v2/agency/blacklist/domains"),
        ),
    }
    for what, places in lacking.items():
        for method, path in places:
            WOODPECKER.lacks(method, path, Scope.CAMPAIGNS_READ, what)


_lack()
