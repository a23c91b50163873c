"""The tasks of the vendor's agent: here, starts of campaigns that wait for approval."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Conflict, Invalid, NotFound
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadlex.door import LEADLEX, LEXI, data, moment, number, shown, wrong
from caesura.http.leadlex.starting import refused_start, usual_pool
from caesura.http.leadlex.values import text
from caesura.service import approvals
from caesura.store.approvals import ApprovalRow

LISTED = 100
_STATUSES: Mapping[str, list[str]] = {
    "pending": ["pending"],
    "approved": ["approved"],
    "dismissed": ["dismissed"],
    "completed": [],
    "failed": ["withdrawn"],
}
_WORDS = {state: word for word, states in _STATUSES.items() for state in states}


def _view(row: ApprovalRow) -> dict[str, Any]:
    return {
        "id": shown("task", row.id),
        "type": "campaign_start",
        "status": _WORDS[row.state],
        "description": f"Start campaign {row.name}",
        "created_at": moment(row.asked_at),
        "metadata": {"campaign_id": shown("campaign", row.campaign_id)},
    }


@LEADLEX.on(
    "GET",
    "/v1/lexi/tasks",
    LEXI,
    support=Support.PART,
    note="campaign_start is the only type; the newest 100",
)
async def list_tasks(call: Call) -> Response:
    """Pending ones, unless another status is asked for."""
    word = call.query("status") or "pending"
    if word not in _STATUSES:
        raise wrong("status", f"must be one of {', '.join(_STATUSES)}")
    states = _STATUSES[word]
    rows = await approvals.page(*call.key, None, states, LISTED) if states else []
    return data(call, {"tasks": [_view(row) for row in rows]})


@LEADLEX.on("POST", "/v1/lexi/tasks/{task_id}/approve", LEXI)
async def approve_task(call: Call) -> Response:
    """The campaign starts at once."""
    task_id = _task_id(call)
    try:
        row = await approvals.approve(*call.key, task_id, call.caller.actor, call.now, await usual_pool(call))
    except (Conflict, Invalid) as error:
        raise refused_start(error) from error
    return data(call, {"task_id": shown("task", row.id), "status": "approved", "execution_started": True})


@LEADLEX.on("POST", "/v1/lexi/tasks/{task_id}/dismiss", LEXI)
async def dismiss_task(call: Call) -> Response:
    """The campaign is a draft again; its next start asks anew."""
    task_id, reason = _task_id(call), text(call.fields(), "reason", 500)
    try:
        row = await approvals.dismiss(*call.key, task_id, reason, call.caller.actor, call.now)
    except Conflict as error:
        raise Refusal(400, "validation_error", "This task is not pending") from error
    return data(call, {"task_id": shown("task", row.id), "status": "dismissed"})


def _task_id(call: Call) -> int:
    return number("task", call.path("task_id"), NotFound("approval_not_found", "No task with this ID"))
