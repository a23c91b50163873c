"""Which prospects are asked for, and in which order: the parameters of `GET /v1/prospects`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from caesura.domain.addresses import AddressError, deduplication_key, parse_address
from caesura.domain.inbound import Classification
from caesura.http.door import Call, Refusal
from caesura.http.woodpecker.content import NAME
from caesura.http.woodpecker.door import identifier
from caesura.http.woodpecker.prospect_fields import FIELDS, MISSPELT
from caesura.http.woodpecker.reading import incorrect, moment
from caesura.store.correspondence import Choice, LeadOrder, LeadStanding, SortKey

STANDINGS: Mapping[LeadStanding, str] = {
    LeadStanding.OPEN: "ACTIVE",
    LeadStanding.BOUNCED: "BOUNCED",
    LeadStanding.SUPPRESSED: "BLACKLIST",
    LeadStanding.REPLIED: "REPLIED",
}
"""The vendor's status of a prospect."""

INTERESTS: Mapping[str, str] = {
    "interested": "INTERESTED",
    "maybe_later": "MAYBE-LATER",
    "not_interested": "NOT-INTERESTED",
}
"""The vendor's words for what a lead wants; NOT-MARKED for all else."""

MAXIMUM_SORT_KEYS = 10

_STATUSES = (*STANDINGS.values(), "INVALID", "AUTOREPLIED", "TO-CHECK", "TO-REVIEW")
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_OPENED_OR_CLICKED = ("OPENED", "CLICKED")
_ACTIVITIES = (*_OPENED_OR_CLICKED, "NOT-OPENED", "NOT-CLICKED")
# Which activity a time or a number of it can be asked for with. Nobody is known to have done either.
_OF_ACTIVITY = {"last_opened": ("OPENED",), "last_clicked": ("CLICKED",), "sent_mails": _OPENED_OR_CLICKED}
_FIELDS: Mapping[str, str] = {
    **FIELDS,
    **{wrong: FIELDS[right] for wrong, right in MISSPELT.items()},
    "organization_id": "organization_id",
    "tags": f"{NAME}.tags",
}
_ORDERS = {
    "id": LeadOrder.ID,
    "status": LeadOrder.STANDING,
    "updated": LeadOrder.UPDATED,
    "email": LeadOrder.ADDRESS,
    "last_contacted": LeadOrder.WRITTEN,
    "last_replied": LeadOrder.REPLIED,
}
# `updated>2017-01-01T00:00:00+0000`; a plus in an address means a space.
_DIFF = re.compile(
    r"(updated|last_opened|last_clicked)([<>])(\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[-+ ]\d\d:?\d\d)?)?)", re.ASCII
)


def choice(call: Call) -> Choice:
    """The filters of a request. Raises a Refusal."""
    activity = _activity(call)
    contacted = _contacted(call)
    if activity is not None and activity not in _OPENED_OR_CLICKED:
        # Only who was written to can have left it unopened.
        nobody, contacted = contacted is False, True
    else:
        nobody = activity is not None
    fields: dict[str, list[str]] = {}
    keys: list[str] = []
    parts: list[str] = []
    for name, value in _searched(call.query("search")):
        if name != "email":
            fields.setdefault(name, []).append(value.lower())
        elif key := key_of(value):
            keys.append(key)
        else:
            parts.append(value.lower())
    return Choice(
        lead_ids=[] if nobody else numbers(call, "id"),
        keys=keys or None,
        campaign_ids=numbers(call, "campaigns_id"),
        standings=_standings(call.query("status")),
        is_written_to=contacted,
        fields=fields or None,
        wants=_wants(call.query("interested")),
        updated=_updated(call.query("diff"), activity),
        address_parts=parts or None,
    )


def order(call: Call) -> Sequence[SortKey]:
    """`+company,-last_contacted`, ascending without a sign. Raises a Refusal."""
    text = call.query("sort")
    words = [] if text is None else text.split(",")
    if len(words) > MAXIMUM_SORT_KEYS:
        raise incorrect("sort")
    activity = _activity(call)
    return [found for one in words if (found := _sort_key(one, activity)) is not None]


def _sort_key(text: str, activity: str | None) -> SortKey | None:
    """None for what nobody has a value of."""
    is_descending, name = text.startswith("-"), text.strip("+- ").lower()
    if name in _ORDERS:
        return SortKey(_ORDERS[name], is_descending)
    if name in _FIELDS:
        return SortKey(LeadOrder.FIELD, is_descending, _FIELDS[name])
    if activity not in _OF_ACTIVITY.get(name, ()):
        raise incorrect("sort")
    return None


def numbers(call: Call, name: str) -> list[int] | None:
    """Numbers with commas between; None where the parameter is missing. Raises a Refusal."""
    text = call.query(name)
    return None if text is None else [identifier(one.strip(), name) for one in text.split(",")]


def number(call: Call, name: str, default: int) -> int:
    """A number. Raises a Refusal."""
    text = call.query(name)
    return default if text is None else identifier(text, name)


def key_of(address: str) -> str:
    """What the same address has in common; "" for none."""
    try:
        return deduplication_key(parse_address(address))
    except AddressError:
        return ""


def _activity(call: Call) -> str | None:
    text = call.query("activity")
    activity = None if text is None else text.strip().upper()
    if activity is not None and activity not in _ACTIVITIES:
        raise incorrect("activity")
    return activity


def _contacted(call: Call) -> bool | None:
    text = call.query("contacted")
    if text is not None and text.lower() not in _TRUTH:
        raise incorrect("contacted")
    return None if text is None else _TRUTH[text.lower()]


def _standings(text: str | None) -> list[LeadStanding] | None:
    if text is None:
        return None
    wanted = {one.strip().upper() for one in text.split(",")}
    if not wanted <= set(_STATUSES):
        raise incorrect("status")
    return [standing for standing, word in STANDINGS.items() if word in wanted]


def _wants(text: str | None) -> list[Classification | None] | None:
    """What prospects are to want; NOT-MARKED are those of whom nobody has said it."""
    if text is None:
        return None
    words = {one.strip().upper().replace("_", "-") for one in text.split(",")}
    if not words <= {*INTERESTS.values(), "NOT-MARKED"}:
        raise incorrect("interested")
    wanted: list[Classification | None] = [Classification(own) for own, word in INTERESTS.items() if word in words]
    return [*wanted, None, Classification.OUT_OF_OFFICE] if "NOT-MARKED" in words else wanted


def _updated(text: str | None, activity: str | None) -> tuple[datetime | None, datetime | None] | None:
    """After when, and before when."""
    if text is None:
        return None
    found = _DIFF.fullmatch(text.strip())
    if found is None or (found[1] != "updated" and activity not in _OF_ACTIVITY[found[1]]):
        raise incorrect("diff")
    at = moment(found[3].replace(" ", "+"), "diff")
    if found[1] != "updated":
        return None
    return (at, None) if found[2] == ">" else (None, at)


def _searched(text: str | None) -> Iterator[tuple[str, str]]:
    """`email=drew,company=Pied Piper`: or within a field, and between fields. Raises a Refusal."""
    for part in text.split(",") if text else ():
        name, sign, value = part.partition("=")
        name = name.strip().lower()
        if not sign:
            raise incorrect("search")
        if name != "email" and name not in _FIELDS:
            raise Refusal(400, "", f"Wrong param [search]={name[:40]}")
        yield _FIELDS.get(name, name), value.strip()
