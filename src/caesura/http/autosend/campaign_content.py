"""What a campaign of the AutoSend door says, as one of ours with one step, and back again.

What was given is kept beside what we made of it: texts with the step, all else with the campaign. A kept text is shown
as long as it is what the step still says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from caesura.domain.definition import CampaignDefinition, StepDefinition, VariantDefinition, read_definition
from caesura.domain.errors import Invalid, Problem
from caesura.http.autosend.handlebars import translate
from caesura.http.autosend.sender_choice import name_and_reply
from caesura.http.autosend.values import Body, instant_of

DOOR = "autosend"
MODES = ("immediate", "scheduled", "gradual")
GROWTH: Mapping[str, float] = {"fixed": 1.0, "1.25x": 1.25, "1.5x": 1.5, "1.75x": 1.75, "2x": 2.0}

# The names of two fields are not visible on the vendor's page: the first of each is ours to show, all are taken.
GROWTH_NAMES = ("gradualGrowthStrategy", "growthStrategy", "gradualGrowth", "growthRate", "growthFactor", "growth")
VOLUME_NAMES = ("gradualDailyBatchSize", "emailsPerDay", "gradualDailyVolume", "dailyVolume", "dailyLimit", "batchSize")

_TEXTS = ("subject", "previewText", "htmlTemplate")
_OWN = frozenset({"name", "publish", "replyTo", *_TEXTS})
_BODY_TAG = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_PREHEADER = '<div style="display:none;max-height:0;overflow:hidden">{}</div>'
_NOT_SAID = VariantDefinition()


@dataclass(frozen=True, slots=True)
class Growth:
    """Gradual sending: how many on the first day, and by what word that grows."""

    volume: int
    strategy: str

    def limit(self) -> dict[str, Any]:
        """As `limits.gradual` has it. One that does not grow has its start for a ceiling."""
        factor = GROWTH[self.strategy]
        if factor == 1.0:
            return {"start": self.volume, "factor": 1.25, "ceiling": self.volume}
        return {"start": self.volume, "factor": factor}


def kept(definition: CampaignDefinition) -> Mapping[str, Any]:
    """What was given through this door and is not the content's own."""
    found = definition.extra.get(DOOR, {})
    return found if isinstance(found, dict) else {}


def subject(definition: CampaignDefinition) -> str | None:
    """The subject as it was given, or our own template of it."""
    said, texts = _said(definition), _texts(definition)
    return _original(texts.get("subject"), said.subject, lambda text: translate(text, "", html=False))


def html(definition: CampaignDefinition) -> str | None:
    """The HTML as it was given, or our own template of it."""
    said, texts = _said(definition), _texts(definition)
    preview = texts.get("previewText")
    return _original(texts.get("htmlTemplate"), said.html, lambda text: _page(text, preview))


def preview_text(definition: CampaignDefinition) -> str | None:
    """The preview text as it was given."""
    text = _texts(definition).get("previewText")
    return text if isinstance(text, str) else None


def scheduled_at(definition: CampaignDefinition) -> datetime | None:
    """When it is to be sent (UTC), as it was given."""
    return _starts_at(kept(definition), definition.zone)


def _starts_at(fields: Mapping[str, Any], zone: str | None) -> datetime | None:
    given = fields.get("scheduledAt")
    try:
        return instant_of(given, zone) if isinstance(given, str) else None
    except ValueError:
        return None


def sender(definition: CampaignDefinition) -> dict[str, Any] | None:
    """The sender as it was given, with the name that is sent; None where none was given."""
    given = kept(definition).get("from")
    if not isinstance(given, dict):
        return None
    return given if (given.get("name") or None) == definition.from_name else {**given, "name": definition.from_name}


def send_mode(definition: CampaignDefinition) -> str:
    """immediate, scheduled or gradual: by the limits, by what was given, by whether there is a date."""
    if definition.limits.gradual is not None:
        return "gradual"
    given = kept(definition).get("sendMode")
    if given in ("immediate", "scheduled"):
        return str(given)
    return "scheduled" if kept(definition).get("scheduledAt") and not kept(definition).get("sendNow") else "immediate"


def gradual(definition: CampaignDefinition) -> dict[str, Any]:
    """The two fields of gradual sending; none for other campaigns."""
    growth = definition.limits.gradual
    if growth is None:
        return {}
    steady = growth.ceiling == growth.start
    word = next((one for one, factor in GROWTH.items() if factor == growth.factor and not steady), "fixed")
    return {GROWTH_NAMES[0]: word, VOLUME_NAMES[0]: growth.start}


def written(
    body: Body,
    before: CampaignDefinition | None,
    pool: str | None,
    template: Mapping[str, Any] | None,
    starts_at: datetime | None = None,
) -> CampaignDefinition:
    """The campaign that a body describes: a new one, or `before`, which starts at `starts_at`, with what it changes.

    `pool` is the sender's, `template` what the body's templateId names. Raises Invalid with the body's field names.
    """
    read(body, before)
    growth = _growth(body, before)
    body.check()
    data: dict[str, Any] = before.model_dump(mode="json") if before else {"stop_on_reply": False}
    given = body.fields
    if body.has("name"):
        data["name"] = given["name"]
    if body.has("timezone"):
        data["zone"] = given["timezone"]
    if pool is not None:
        data["pool"] = pool
    if growth is not None:
        data["limits"] = {**data.get("limits", {}), "gradual": growth.limit()}
    elif body.has("sendMode") and given["sendMode"] != "gradual":
        data["limits"] = {**data.get("limits", {}), "gradual": None}
    data["steps"] = _steps(body, before, data, template)
    data |= name_and_reply(body)
    ours = {name: value for name, value in given.items() if name not in _OWN}
    known = dict(kept(before)) if before else {}
    if given.get("sendNow") is True:
        ours["scheduledAt"] = None  # at once, and not at a time that was said before
    elif body.has("scheduledAt"):
        known["sendNow"] = False
    if body.has("from") or body.has("senderId"):  # either names the sender: the other is of the one before
        known = {name: value for name, value in known.items() if name not in ("from", "senderId")}
    said = {**known, **ours}
    is_timed = "sendNow" in given or "scheduledAt" in given or (body.has("timezone") and known.get("scheduledAt"))
    # What the body says nothing of stays, whichever door has set it.
    data["starts_at"] = _starts_at(said, data.get("zone")) if before is None or is_timed else starts_at
    data["extra"] = {**data.get("extra", {}), DOOR: said}
    return read_definition(data)


def read(body: Body, before: CampaignDefinition | None) -> None:
    """Notes what is wrong with the fields that can be told by themselves."""
    is_new = before is None
    body.text("name", 200, required=is_new)
    body.text("subject", 998, required=is_new)
    body.text("previewText", 200)
    for name in ("senderId", "templateId", "htmlTemplate", "unsubscribeGroupId", "timezone"):
        body.text(name)
    for name in ("sendNow", "sendToGlobalList", "publish", "trackingClick", "trackingOpen"):
        body.flag(name)
    body.choice("sendMode", MODES)
    body.instant("scheduledAt", body.text("timezone") or (before.zone if before else None))
    for name in ("toLists", "excludeLists"):
        body.texts(name, 100)
    name_and_reply(body)
    if is_new and not body.has("templateId") and not body.has("htmlTemplate"):
        body.refuse("htmlTemplate", "Either templateId or htmlTemplate is required", "missing_field")


def _growth(body: Body, before: CampaignDefinition | None) -> Growth | None:
    named = next((name for name in GROWTH_NAMES if body.has(name)), GROWTH_NAMES[0])
    sized = next((name for name in VOLUME_NAMES if body.has(name)), VOLUME_NAMES[0])
    strategy, volume = body.choice(named, GROWTH), body.whole(sized, 1)
    mode = body.fields.get("sendMode") or (send_mode(before) if before else None)
    if mode != "gradual":
        return None
    known = gradual(before) if before else {}
    strategy = strategy or known.get(GROWTH_NAMES[0])
    volume = volume or known.get(VOLUME_NAMES[0])
    if strategy is None and not body.has(named):
        body.refuse(named, f"{named} is required when sendMode is gradual", "missing_field")
    if volume is None and not body.has(sized):
        body.refuse(sized, f"{sized} is required when sendMode is gradual", "missing_field")
    return Growth(volume, strategy) if strategy is not None and volume is not None else None


def _steps(
    body: Body, before: CampaignDefinition | None, data: dict[str, Any], template: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The first step with what is given of its texts; others, which another door has made, stay."""
    steps: list[dict[str, Any]] = list(data.get("steps", []))
    given = {name: body.fields[name] for name in _TEXTS if body.has(name)}
    if template is not None and "htmlTemplate" not in given:
        given["htmlTemplate"] = template["html"]
    if not given:
        return steps
    said = _said(before) if before else _NOT_SAID
    texts = {**(_texts(before) if before else {}), **given}
    step = dict(steps[0]) if steps else {"variants": [{}]}
    variant = dict(step["variants"][0])
    problems: list[Problem] = []
    if "subject" in given:
        try:
            variant["subject"] = translate(given["subject"], "/subject", html=False)
        except Invalid as error:
            problems += error.problems
    page = texts.get("htmlTemplate", (html(before) if before else None) or said.text or "")
    if "htmlTemplate" in given or "previewText" in given:
        try:
            variant["html"] = _page(page, texts.get("previewText"))
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid.of(*problems)
    step["variants"] = [variant, *step["variants"][1:]]
    step["extra"] = {**step.get("extra", {}), DOOR: texts}
    return [step, *steps[1:]]


def _page(source: str, preview: object) -> str:
    """The HTML as our template, with the preview text where mail programs look for it first."""
    page = translate(source, "/htmlTemplate", html=True)
    if not isinstance(preview, str) or not preview:
        return page
    line = _PREHEADER.format(translate(escape(preview), "/previewText", html=True))
    body = _BODY_TAG.search(page)
    place = body.end() if body else 0
    return page[:place] + line + page[place:]


def _first(definition: CampaignDefinition) -> StepDefinition | None:
    return definition.steps[0] if definition.steps else None


def _said(definition: CampaignDefinition) -> VariantDefinition:
    step = _first(definition)
    return step.variants[0] if step else _NOT_SAID


def _texts(definition: CampaignDefinition) -> Mapping[str, Any]:
    step = _first(definition)
    found = step.extra.get(DOOR, {}) if step else {}
    return found if isinstance(found, dict) else {}


def _original(given: object, said: str | None, told: Any) -> str | None:
    """What was given, unless the step says something else by now."""
    if not isinstance(given, str):
        return said
    try:
        return given if told(given) == said else said
    except Invalid:
        return said
