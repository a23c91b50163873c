"""The fields of a prospect: ours under their usual names, and what we have no field for, kept."""

import re
from collections.abc import Mapping
from typing import Any

from caesura.domain.lead_entry import LeadInput
from caesura.store.leads import LeadRow

FIELDS: Mapping[str, str] = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company": "company",
    "website": "website",
    "linkedin_url": "linkedin_url",
    "title": "job_title",
    "phone": "phone",
    "address": "address",
    "city": "city",
    "state": "state",
    "country": "country",
    "industry": "industry",
    **{f"snippet{number}": f"snippet{number}" for number in range(1, 16)},
}
"""The vendor's names, and ours for the same."""

MISSPELT: Mapping[str, str] = {
    **{f"snipet{number}": f"snippet{number}" for number in range(1, 5)},
    "snipper9": "snippet9",
}
"""The vendor's older names, which its answers still have beside the others."""

_OWN = frozenset({"id", "email", "status", "interested"})
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")


def lead_input(given: Mapping[str, Any], owner: str) -> LeadInput:
    """A prospect as a lead; what is no field of ours is kept under `owner`."""
    fields: dict[str, object] = {}
    kept: dict[str, Any] = {}
    for written, value in given.items():
        name = MISSPELT.get(written, written)
        if name in ("email", "status") or value is None or (name != written and name in given):
            continue
        plain = isinstance(value, str | int | float | bool)
        if name in FIELDS and plain:
            fields[FIELDS[name]] = value if isinstance(value, str) else str(value)
        elif plain and name not in ("tags", "interested") and _NAME.fullmatch(name):
            fields[name] = value
        else:
            kept[name] = value
    return LeadInput(given["email"], fields, extra={owner: kept} if kept else {})


def shown_fields(lead: LeadRow, owner: str) -> dict[str, Any]:
    """All fields that the vendor has, empty where the lead has none, with those that were kept."""
    kept = lead.extra.get(owner)
    kept = {name: value for name, value in kept.items() if name not in _OWN} if isinstance(kept, Mapping) else {}
    shown = {name: lead.fields.get(own, "") for name, own in FIELDS.items()}
    return shown | {wrong: shown[right] for wrong, right in MISSPELT.items()} | {"tags": "", **kept}
