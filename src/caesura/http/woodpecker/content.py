"""A campaign's payload: settings, and steps nested in one another, out of a definition of ours and into one.

What of it we do not use is kept under the door's name: in the campaign's `extra` the settings, in each step's the
delivery time, the texts as they came and the wait before the next step.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from caesura.domain.definition import CampaignDefinition, StepDefinition
from caesura.http.door import Refusal
from caesura.http.opaque_ids import number_of_uuid, uuid_of
from caesura.http.woodpecker import delivery_time, reading
from caesura.http.woodpecker.door import instant
from caesura.http.woodpecker.reading import Body, incorrect
from caesura.http.woodpecker.status import shown_status
from caesura.http.woodpecker.texts import template
from caesura.service.definitions import Campaign

NAME = "woodpecker"
"""The door's part of each `extra`."""

MAXIMUM_STEPS = 16
MAXIMUM_VERSIONS = 5
MAXIMUM_ENROLL = 500
USUAL_ENROLL = 50
USUAL_WAIT: Mapping[str, Any] = {"range": "DAY", "value": 1}

UNSUPPORTED = "API_UNSUPPORTED_CAMPAIGN"
"""The code for a campaign that the vendor's API can neither show nor change."""

_SECONDS = {"DAY": 86_400, "HOUR": 3_600, "MINUTE": 60}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_USUAL_SETTINGS: Mapping[str, Any] = {
    "gdpr_unsubscribe": False,
    "list_unsubscribe": False,
    "open_disabled_list": [],
    "auto_pause_prospect_from_domain_statuses": [],
    "catch_all_verification_mode": "BALANCED",
    "count_followup_delay_in_working_days": False,
}
# Settings that are fields of ours, or that nobody can set.
_NOT_KEPT = ("timezone", "prospect_timezone", "daily_enroll", "bounce_shield_autopaused_at")
_CATCH_ALL = ("NONE", "BALANCED", "MAXIMUM", "ONLY_VERIFY")


def start_id(campaign_id: int) -> str:
    """The id of the START that every sequence begins with."""
    return uuid_of("woodpecker start", campaign_id)


def step_id(number: int) -> str:
    """The id of a step, by its number with us."""
    return uuid_of("woodpecker step", number)


def number_of_step(text: object) -> int | None:
    """The number of a step with this id."""
    return number_of_uuid("woodpecker step", text) if isinstance(text, str) else None


def version_id(step: int, place: int) -> str:
    """The id of a step's version at this place, from 0."""
    return uuid_of("woodpecker version", step * len(_LETTERS) + place)


def place_of_version(text: str, step: int) -> int | None:
    """The place of the version with this id in the step of this number."""
    number = number_of_uuid("woodpecker version", text)
    return None if number is None or number // len(_LETTERS) != step else number % len(_LETTERS)


def merged_settings(before: Mapping[str, Any], given: Body) -> dict[str, Any]:
    """A definition's data with these settings over what it has. Raises a Refusal."""
    after = dict(before)
    if "timezone" in given:
        after["zone"] = reading.text(given, "timezone")
    if "prospect_timezone" in given:
        after["window_zone"] = "lead" if reading.flag(given, "prospect_timezone", False) else "campaign"
    if "daily_enroll" in given:
        enroll = reading.whole(given, "daily_enroll", 1, MAXIMUM_ENROLL, USUAL_ENROLL)
        after["limits"] = {**(after.get("limits") or {}), "daily_new": enroll}
    for name in ("gdpr_unsubscribe", "list_unsubscribe", "count_followup_delay_in_working_days"):
        reading.flag(given, name, False)
    for name in ("open_disabled_list", "auto_pause_prospect_from_domain_statuses"):
        if not all(isinstance(one, str) for one in reading.items(given, name, 1_000)):
            raise incorrect(name)
    if reading.text(given, "catch_all_verification_mode", "BALANCED") not in _CATCH_ALL:
        raise incorrect("catch_all_verification_mode")
    kept = {name: value for name, value in given.items() if name not in _NOT_KEPT}
    return with_kept(after, {"settings": {**kept_of(after).get("settings", {}), **kept}})


def kept_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The door's part of the `extra` of a campaign or a step."""
    kept = (data.get("extra") or {}).get(NAME)
    return kept if isinstance(kept, Mapping) else {}


def with_kept(data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a campaign or a step with this over what the door keeps in it."""
    extra = data.get("extra") or {}
    return {**data, "extra": {**extra, NAME: {**kept_of(data), **kept}}}


def sequence(root: Body) -> list[dict[str, Any]]:
    """The data of our steps for a START and all that follows it. Raises a Refusal."""
    if root.get("type") != "START":
        raise incorrect("steps.type")
    found = [step_data(one) for one in _chain(root)]
    if not 1 <= len(found) <= MAXIMUM_STEPS:
        raise incorrect("steps")
    return waited(found)


def _chain(root: Body) -> Iterator[Body]:
    following = root.get("followup")
    while following is not None:
        if not isinstance(following, Mapping):
            raise incorrect("followup")
        yield following
        following = following.get("followup")


def step_data(given: Body) -> dict[str, Any]:
    """The data of our step for one of the vendor's; its delay is the step before's to say. Raises a Refusal."""
    if given.get("type") != "EMAIL":
        kind = given.get("type")
        if not isinstance(kind, str) or kind == "START":
            raise incorrect("type")
        raise Refusal(409, "", f"This is not supported here: steps of type {kind[:40]}.")
    versions = reading.items(reading.record(given, "body", True), "versions", MAXIMUM_VERSIONS, True)
    if not versions or not all(isinstance(one, Mapping) for one in versions):
        raise incorrect("versions")
    wait = given.get("followup_after")
    if wait is not None:
        seconds_of(wait)
    kept = {
        "delivery_time": delivery_time.checked(given.get("delivery_time")),
        "versions": [_version(one) for one in versions],
        "followup_after": wait,
    }
    data = with_kept({"variants": [variant(one, place) for place, one in enumerate(versions)]}, kept)
    number = number_of_step(given.get("id"))
    return data if number is None else {**data, "id": number}


def _version(given: Body) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in ("id", "version")}


def variant(given: Body, place: int) -> dict[str, Any]:
    """The data of our variant for a version. Raises a Refusal."""
    if reading.text(given, "signature", "SENDER") not in ("SENDER", "NO_SIGNATURE"):
        raise incorrect("signature")
    reading.flag(given, "track_opens", False)
    subject = _subject(reading.text(given, "subject", ""))
    return {"name": _LETTERS[place], "subject": subject, "html": template(reading.text(given, "message", ""), True)}


def _subject(given: str | None) -> str | None:
    """The source of a subject; None for an empty one, which goes into the thread."""
    return template(given, False) if given and given.strip() else None


def waited(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps, each with the delay that the one before it asks for; the first has none."""
    delays = [0, *(seconds_of(kept_of(step).get("followup_after") or USUAL_WAIT) for step in steps[:-1])]
    return [{**step, "delay": delay} for step, delay in zip(steps, delays, strict=True)]


def seconds_of(wait: object) -> int:
    """A `followup_after` in seconds. Raises a Refusal."""
    if not isinstance(wait, Mapping) or wait.get("range", "DAY") not in _SECONDS:
        raise incorrect("followup_after")
    return reading.whole(wait, "value", 1, 366 * 1_440, 1) * _SECONDS[wait.get("range", "DAY")]


def timed(data: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The campaign's data with these steps and the windows for the delivery times that they keep.

    The first step's are the campaign's, and a step has its own where they are others. Beside a step that did not come
    through this door, and may go by the campaign's, those stay as they are.
    """
    kept = [kept_of(step).get("delivery_time") for step in steps]
    wanted = [None if one is None else delivery_time.windows_of(one) for one in kept]
    usual = data.get("windows", []) if None in wanted else wanted[0]
    timed_steps = [
        step if own is None else {**step, "windows": [] if own == usual else own}
        for step, own in zip(steps, wanted, strict=True)
    ]
    return {**data, "windows": usual, "steps": timed_steps}


def check_supported(campaign: Campaign) -> None:
    """Raises a Refusal for a campaign that has what the vendor's API cannot show."""
    definition = campaign.definition
    if campaign.row.status == "scheduled" or definition.starts_at is not None:
        raise Refusal(409, UNSUPPORTED, "Campaigns with a scheduled start are not supported by the API.")
    if any(step.condition is not None or step.send_at is not None for step in definition.steps):
        raise Refusal(409, UNSUPPORTED, "Campaigns with conditions or fixed dates are not supported by the API.")


def shown(campaign: Campaign, mailbox_ids: Sequence[int], bounced_at: datetime | None) -> dict[str, Any]:
    """The payload; `bounced_at` is when the bounce shield has paused it.

    Raises a Refusal for what the vendor's API cannot show either.
    """
    check_supported(campaign)
    row, definition = campaign.row, campaign.definition
    return {
        "id": row.id,
        "name": row.name,
        "status": shown_status(row.status, row.cause),
        "email_account_ids": sorted(mailbox_ids),
        "settings": {**_shown_settings(definition), "bounce_shield_autopaused_at": bounced_at and instant(bounced_at)},
        "steps": {"id": start_id(row.id), "type": "START", "followup": _shown_steps(definition)},
    }


def _shown_settings(definition: CampaignDefinition) -> dict[str, Any]:
    kept = kept_of({"extra": definition.extra}).get("settings", {})
    return {
        "timezone": definition.zone,
        "prospect_timezone": definition.window_zone == "lead",
        "daily_enroll": definition.limits.daily_new,
        **_USUAL_SETTINGS,
        **kept,
    }


def _shown_steps(definition: CampaignDefinition) -> dict[str, Any] | None:
    """What came through this door is shown to the letter, unless another door has changed it since."""
    times = _shown_times(definition)
    following: dict[str, Any] | None = None
    delay: int | None = None
    for step, time in zip(reversed(definition.steps), reversed(times), strict=True):
        shown_step = {
            "id": step_id(step.id or 0),
            "type": "EMAIL",
            "delivery_time": time,
            "body": {"versions": shown_versions(step)},
            "followup_after": _shown_wait(kept_of({"extra": step.extra}).get("followup_after"), delay),
            "followup": following,
        }
        following, delay = shown_step, step.delay
    return following


def present_steps(definition: CampaignDefinition) -> list[dict[str, Any]]:
    """The data of the steps, with the delivery times that they have now, whoever changed them since."""
    data = definition.model_dump(mode="json", exclude_none=True)["steps"]
    return [
        step if kept_of(step).get("delivery_time") is None else with_kept(step, {"delivery_time": time})
        for step, time in zip(data, _shown_times(definition), strict=True)
    ]


def _shown_times(definition: CampaignDefinition) -> list[Mapping[str, Any]]:
    """The delivery time of each step: as it came, unless its windows are others by now."""
    times: list[Mapping[str, Any]] = []
    for step in definition.steps:
        kept = kept_of({"extra": step.extra}).get("delivery_time")
        ours = step.windows or definition.windows
        if kept is None or delivery_time.windows_of(kept) != [one.model_dump(mode="json") for one in ours]:
            kept = delivery_time.shown(ours)
        times.append(kept)
    return times


def _shown_wait(kept: Mapping[str, Any] | None, delay: int | None) -> Mapping[str, Any] | None:
    """The wait before the next step, whose delay is in seconds; what is kept for a later one where there is none."""
    if delay is None or (kept is not None and seconds_of(kept) == delay):
        return kept
    unit = next((one for one in ("DAY", "HOUR") if delay and delay % _SECONDS[one] == 0), "MINUTE")
    return {"range": unit, "value": -(-delay // _SECONDS[unit])}


def shown_versions(step: StepDefinition) -> list[dict[str, Any]]:
    """The texts as they came through this door, else those of our templates."""
    texts = kept_of({"extra": step.extra}).get("versions") or []
    versions = []
    for place, own in enumerate(step.variants):
        given = texts[place] if place < len(texts) else {}
        subject, message = given.get("subject"), given.get("message") or ""
        is_ours = own.subject != _subject(subject), own.html != template(message, True)
        versions.append(
            {
                "id": version_id(step.id or 0, place),
                "version": _LETTERS[place],
                "subject": own.subject if is_ours[0] else subject,
                "message": (own.html if own.html is not None else own.text) if is_ours[1] else message,
                "signature": given.get("signature", "NO_SIGNATURE"),
                "track_opens": given.get("track_opens", False),
            }
        )
    return versions
