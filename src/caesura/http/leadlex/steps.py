"""The steps of a campaign."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.definition import StepDefinition
from caesura.domain.errors import Invalid, NotFound
from caesura.http.door import Call, Refusal, Support
from caesura.http.leadlex import campaign_views as views
from caesura.http.leadlex.door import LEADLEX, data, moment, number, shown
from caesura.http.leadlex.merging import content
from caesura.http.leadlex.values import missing, text, whole
from caesura.service.definitions import Campaign

CONDITIONS = ("always", "if_no_reply", "if_no_open", "if_opened", "if_clicked")
# Nobody is known to have opened or clicked, so these are for nobody.
_NEVER = ("if_opened", "if_clicked")
_NOBODY = "1 == 2"
_DAY, _HOUR = 86_400, 3_600
_MOST_DAYS = 365
_SET = ("subject", "body", "delay_days", "delay_hours", "send_condition")
# Whether the vendor's footer is below the body, as it was written.
_FOOTER = "has_footer"
_FIXED = ("id", "index", "created_at", "condition", _FOOTER)
_PART = "opens and clicks are not recorded: if_no_open always sends, if_opened and if_clicked never"


def step_views(campaign: Campaign) -> list[dict[str, Any]]:
    """The steps in the order of sending, index 0 first."""
    return [_view(campaign, place, step) for place, step in enumerate(campaign.definition.steps)]


def _view(campaign: Campaign, place: int, step: StepDefinition) -> dict[str, Any]:
    kept: Mapping[str, Any] = step.extra.get("leadlex", {})
    subject, body = _words(kept, step.variants[0].model_dump(mode="json"))
    return {
        **{name: value for name, value in kept.items() if name not in _FIXED},
        "id": shown("step", step.id),
        "index": place,
        "subject": subject,
        "body": body,
        "delay_days": step.delay // _DAY,
        "delay_hours": step.delay % _DAY // _HOUR,
        "send_condition": kept.get("send_condition", "always"),
        "created_at": kept.get("created_at") or moment(campaign.row.created_at),
    }


@LEADLEX.on("GET", "/v1/campaigns/{campaign_id}/steps", "campaigns:read")
async def list_steps(call: Call) -> Response:
    """All of them."""
    return data(call, {"steps": step_views(await views.read(call))})


@LEADLEX.on("POST", "/v1/campaigns/{campaign_id}/steps", "campaigns:write", support=Support.PART, note=_PART)
async def create_step(call: Call) -> Response:
    """A step at the end."""
    body = call.fields()
    lacking = [name for name in ("subject", "body") if not (text(body, name) or "").strip()]
    if lacking:
        raise missing(*lacking)
    given = _checked(body)
    given.setdefault("send_condition", "always")
    given["created_at"] = moment(call.now)

    def change(definition: dict[str, Any]) -> None:
        definition["steps"].append(_written({}, given, _delay(body, 0), views.shows_unsubscribe(definition)))

    _, campaign = await views.revise(call, change)
    return data(call, {"step": step_views(campaign)[-1]}, 201)


@LEADLEX.on("PATCH", "/v1/campaigns/{campaign_id}/steps/{step_id}", "campaigns:write", support=Support.PART, note=_PART)
async def change_step(call: Call) -> Response:
    """Only sends to come are affected."""
    body, step_id = call.fields(), _step_id(call)
    given = _checked(body)
    blank = [name for name in ("subject", "body") if name in given and not given[name].strip()]
    if blank:
        raise missing(*blank)

    def change(definition: dict[str, Any]) -> None:
        at = _place(definition, step_id)
        step = definition["steps"][at]
        shows = views.shows_unsubscribe(definition)
        definition["steps"][at] = _written(step, given, _delay(body, step["delay"]), shows)

    _, campaign = await views.revise(call, change)
    [told] = [one for one in step_views(campaign) if one["id"] == shown("step", step_id)]
    return data(call, {"step": told})


@LEADLEX.on(
    "DELETE",
    "/v1/campaigns/{campaign_id}/steps/{step_id}",
    "campaigns:write",
    support=Support.PART,
    note="as many steps stay as some contact has had: 409 step_in_use",
)
async def delete_step(call: Call) -> Response:
    """Those behind it move up."""
    step_id = _step_id(call)

    def change(definition: dict[str, Any]) -> None:
        del definition["steps"][_place(definition, step_id)]

    try:
        await views.revise(call, change)
    except Invalid as error:
        if error.code != "step_in_use":
            raise
        raise Refusal(409, "step_in_use", "Contacts have had so many steps already") from error
    return data(call, {"deleted": True, "id": shown("step", step_id)})


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body is kept with the step."""
    condition = body.get("send_condition")
    if condition is not None and condition not in CONDITIONS:
        raise Refusal(400, "invalid_send_condition", f"send_condition must be one of {', '.join(CONDITIONS)}")
    text(body, "subject", 998)
    text(body, "body")
    return {name: value for name, value in body.items() if name not in _FIXED and value is not None}


def _delay(body: Mapping[str, Any], before: int) -> int:
    """In seconds."""
    days = whole(body, "delay_days", 0, _MOST_DAYS)
    hours = whole(body, "delay_hours", 0, 23)
    days = before // _DAY if days is None else days
    hours = before % _DAY // _HOUR if hours is None else hours
    rest = before % _HOUR if "delay_hours" not in body else 0
    return days * _DAY + hours * _HOUR + rest


def set_footers(definition: dict[str, Any]) -> None:
    """Puts the footer below all bodies that were given here, or takes it away."""
    shows = views.shows_unsubscribe(definition)
    for step in definition["steps"]:
        kept = step.get("extra", {}).get("leadlex", {})
        if _is_own(kept, step["variants"][0]) and kept.get(_FOOTER, False) is not shows:
            step["variants"] = [content(kept["subject"], kept["body"], shows)]
            kept[_FOOTER] = shows


def _written(step: Mapping[str, Any], given: Mapping[str, Any], delay: int, has_footer: bool) -> dict[str, Any]:
    """A step as our definition has it, out of what it was and what is given."""
    extra = dict(step.get("extra", {}))
    before = extra.get("leadlex", {})
    kept = {**before, **{name: value for name, value in given.items() if name not in ("delay_days", "delay_hours")}}
    extra["leadlex"] = kept
    written = {**step, "delay": delay, "extra": extra}
    if "subject" in given or "body" in given:
        subject, body = _words(before, step["variants"][0]) if step else ("", "")
        kept["subject"], kept["body"] = given.get("subject", subject), given.get("body", body)
        kept[_FOOTER] = has_footer
        written["variants"] = [content(kept["subject"], kept["body"], has_footer)]
        written["thread"] = False
    if "send_condition" in given:
        written["condition"] = _NOBODY if kept["send_condition"] in _NEVER else None
    return written


def _words(kept: Mapping[str, Any], variant: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and body as they were given here, unless they were changed elsewhere since; then our template's."""
    if _is_own(kept, variant):
        return kept["subject"], kept["body"]
    return variant.get("subject") or "", variant.get("html") or variant.get("text") or ""


def _is_own(kept: Mapping[str, Any], variant: Mapping[str, Any]) -> bool:
    """Whether a step still has the words that it was given here."""
    subject, body = kept.get("subject"), kept.get("body")
    if not isinstance(subject, str) or not isinstance(body, str):
        return False
    given = content(subject, body, kept.get(_FOOTER, False))
    return all(variant.get(name) == given.get(name) for name in ("subject", "text", "html"))


def _step_id(call: Call) -> int:
    return number("step", call.path("step_id"), NotFound("step_not_found", "No step with this ID"))


def _place(definition: Mapping[str, Any], step_id: int) -> int:
    for place, step in enumerate(definition["steps"]):
        if step["id"] == step_id:
            return place
    raise NotFound("step_not_found", "No step with this ID")
