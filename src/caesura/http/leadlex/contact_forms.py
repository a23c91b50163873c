"""How a contact becomes a lead, and a query one of ours."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from caesura.domain.errors import NotFound
from caesura.domain.lead_entry import LeadInput
from caesura.http.door import Call
from caesura.http.leadlex.contact_views import NAMES, full_name
from caesura.http.leadlex.door import moment, number, wrong
from caesura.http.leadlex.values import text, texts
from caesura.http.merge_fields import field_name
from caesura.store.lead_order import LeadOrder
from caesura.store.numbered_pages import LeadChoice

NEEDS_EMAIL = "an email address is needed for every contact here"
_AHEAD, _BACK = timedelta(hours=24), timedelta(days=5 * 365 + 1)
_PRIORITIES: Mapping[object, str] = {1: "high", 2: "medium", 3: "low", "high": "high", "medium": "medium", "low": "low"}
_BETWEEN = re.compile(r"[._+-]+|\d+")
_FIXED = ("id", "email", "created_at", "updated_date", "company_name", "name", "contacts")


def choice(call: Call, order: LeadOrder = LeadOrder.NEWEST) -> LeadChoice:
    """Which contacts the query names. Raises Invalid."""
    list_text = call.query("list_id")
    absent = NotFound("list_not_found", "No list with this ID")
    list_id = number("list", list_text, absent) if list_text else None
    return LeadChoice(call.query("search"), list_id, _time(call, "created_after"), _time(call, "created_before"), order)


def _time(call: Call, name: str) -> datetime | None:
    given = call.query(name)
    if not given:
        return None
    at = _parsed(given)
    if at is None:
        raise wrong(name, "must be an ISO 8601 time")
    return at


def _parsed(given: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(given.replace(" ", "+")) if isinstance(given, str) else None
        return at.astimezone(UTC) if at and at.tzinfo else at.replace(tzinfo=UTC) if at else None
    except (ValueError, OverflowError):
        return None


def lead_of(body: Mapping[str, Any], now: datetime, is_known: bool = False) -> LeadInput:
    """A lead, out of a contact; one that is not known and has no name is named by its address. Raises Invalid."""
    email = text(body, "email")
    if not email:
        raise wrong("email", f"is required: {NEEDS_EMAIL}")
    fields = fields_of(body)
    if not is_known and not full_name(fields):
        fields |= named_by(" ".join(part.capitalize() for part in _BETWEEN.split(email.partition("@")[0]) if part))
    return LeadInput(email, fields, extra=extra_of(body, now))


def named_by(whole: str) -> dict[str, Any]:
    """First, last and full name out of one: "Last, First", or else what is behind the last blank is the last name."""
    last, comma, first = (part.strip() for part in whole.partition(","))
    if not comma:
        first, _, last = whole.strip().rpartition(" ")
        if not first:
            first, last = last, ""
    parts = {"first_name": first.strip() or None, "last_name": last.strip() or None}
    return {**parts, "full_name": " ".join(part for part in parts.values() if part) or None}


def fields_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Our fields of a contact: names are split and put together."""
    fields: dict[str, Any] = {ours: text(body, theirs) for theirs, ours in NAMES.items() if theirs in body}
    if "company_name" in body and "company" not in body:
        fields["company"] = text(body, "company_name")
    whole = fields.get("full_name")
    if whole and not (fields.get("first_name") or fields.get("last_name")):
        fields |= named_by(whole)
    elif not whole and (joined := full_name({**fields, "full_name": None})):
        fields["full_name"] = joined
    custom = body.get("custom_fields")
    if isinstance(custom, Mapping):
        for key, value in custom.items():
            name = field_name(str(key))
            if name and name not in fields and (value is None or isinstance(value, str | int | float)):
                fields[name] = value
    return fields


def extra_of(body: Mapping[str, Any], now: datetime | None) -> dict[str, Any]:
    """What is kept of a contact; with `now` it is a new one, which has a date of its own."""
    kept = {name: value for name, value in body.items() if name not in NAMES and name not in _FIXED}
    if body.get("priority") is not None:
        if not isinstance(body["priority"], str | int) or body["priority"] not in _PRIORITIES:
            raise wrong("priority", "must be high, medium or low, or 1, 2 or 3")
        kept["priority"] = _PRIORITIES[body["priority"]]
    if body.get("company_id") is not None:
        kept.setdefault("related_company_id", kept.pop("company_id"))
    if body.get("tags") is not None:
        kept["tags"] = list(texts(body, "tags") or ())
    if "created_date" in body or now is not None:
        at = _parsed(body.get("created_date"))
        if at is None or (now is not None and not now - _BACK <= at <= now + _AHEAD):
            kept.pop("created_date", None)
        else:
            kept["created_date"] = moment(at)
    return {"leadlex": kept} if kept else {}
