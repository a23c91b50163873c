"""Steps and versions of a campaign that is a DRAFT or EDITED."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.scopes import Scope
from caesura.http.door import Call, Refusal
from caesura.http.woodpecker import content, delivery_time, reading
from caesura.http.woodpecker.campaigns import data_of, editable, save
from caesura.http.woodpecker.door import WOODPECKER
from caesura.http.woodpecker.reading import incorrect
from caesura.service import definitions
from caesura.service.definitions import Campaign

_STEP = "/v2/campaigns/{campaign_id}/steps/{step_id}"


@WOODPECKER.on("POST", "/v2/campaigns/{campaign_id}/steps", Scope.CAMPAIGNS_WRITE)
async def add_step(call: Call) -> Response:
    """At the end only, behind a step that nobody has got yet."""
    body = call.fields()
    before = await editable(call)
    steps = content.present_steps(before.definition)
    last = content.step_id(steps[-1]["id"]) if steps else content.start_id(call.campaign_id)
    parent = reading.text(body, "parent_id")
    if parent.lower() != last:
        raise incorrect("parent_id")
    if len(steps) >= content.MAXIMUM_STEPS:
        raise incorrect("step")
    if steps:
        await _check_unused(call, len(steps))
    step = content.step_data(reading.record(body, "step", True))
    step.pop("id", None)
    if steps:
        step["delay"] = content.seconds_of(content.kept_of(steps[-1]).get("followup_after") or content.USUAL_WAIT)
    return await _save(call, before, [*steps, step])


@WOODPECKER.on("PATCH", _STEP, Scope.CAMPAIGNS_WRITE)
async def update_step(call: Call) -> Response:
    """Another delivery time; the whole of it is replaced."""
    before, steps, place = await _placed(call)
    given = call.fields().get("delivery_time")
    if given is None:
        raise incorrect("delivery_time")
    steps[place] = content.with_kept(steps[place], {"delivery_time": delivery_time.checked(given)})
    return await _save(call, before, steps)


@WOODPECKER.on("PATCH", f"{_STEP}/versions/{{version_id}}", Scope.CAMPAIGNS_WRITE)
async def update_version(call: Call) -> Response:
    """Subject, message, signature and track_opens: what is given of them."""
    before, steps, place = await _placed(call)
    number = content.place_of_version(call.path("version_id"), steps[place]["id"])
    if number is None or number >= len(steps[place]["variants"]):
        raise Refusal(404, "VERSION_NOT_EXIST", "Version not found")
    own = before.definition.steps[place]
    versions = [
        {name: value for name, value in one.items() if name not in ("id", "version")}
        for one in content.shown_versions(own)
    ]
    given = {name: value for name, value in call.fields().items() if name in versions[number]}
    versions[number] |= given
    variants = list(steps[place]["variants"])
    variants[number] = variants[number] | _changed(given, number)
    step = {**steps[place], "variants": variants}
    steps[place] = content.with_kept(step, {"versions": versions})
    return await _save(call, before, steps)


def _changed(given: Mapping[str, Any], number: int) -> dict[str, Any]:
    """What of our variant changes with these fields of a version; an HTML text takes the place of a plain one."""
    variant = content.variant(given, number)
    changed = {"subject": variant["subject"]} if "subject" in given else {}
    return changed | ({"html": variant["html"], "text": None} if "message" in given else {})


@WOODPECKER.on("DELETE", _STEP, Scope.CAMPAIGNS_WRITE)
async def delete_step(call: Call) -> Response:
    """Not the first, and none that somebody has got; answers the whole campaign."""
    before, steps, place = await _placed(call)
    if place == 0:
        raise Refusal(409, "STEP_NOT_DELETABLE", "The first step cannot be deleted")
    await _check_unused(call, place + 1)
    # The wait is the step's before it, and stays there.
    if place + 1 < len(steps):
        steps[place + 1] = {**steps[place + 1], "delay": steps[place]["delay"]}
    del steps[place]
    return await _save(call, before, steps)


async def _placed(call: Call) -> tuple[Campaign, list[dict[str, Any]], int]:
    """The campaign, the data of its steps, and the place of the one in the path. Raises a Refusal."""
    before = await editable(call)
    number = content.number_of_step(call.path("step_id"))
    steps = content.present_steps(before.definition)
    for place, step in enumerate(steps):
        if step["id"] == number:
            return before, steps, place
    raise Refusal(404, "STEP_NOT_EXIST", "Step not found")


async def _check_unused(call: Call, number: int) -> None:
    """Raises a Refusal where messages of the step of this number, or of later ones, exist."""
    if await definitions.highest_used_step(*call.key, call.campaign_id) >= number:
        raise Refusal(409, "STEP_PROCESSED", "The step has processed prospects")


async def _save(call: Call, before: Campaign, steps: list[dict[str, Any]]) -> Response:
    return await save(call, before, content.timed(data_of(before), steps))
