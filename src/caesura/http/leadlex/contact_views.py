"""How a lead looks through this door, as a contact, and how a contact becomes a lead."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from caesura.http.leadlex.door import moment, shown
from caesura.http.opaque_ids import uuid_of
from caesura.store.leads import LeadRow

NAMES: Mapping[str, str] = {
    "first_name": "first_name",
    "last_name": "last_name",
    "full_name": "full_name",
    "phone": "phone",
    "job_title": "job_title",
    "company": "company",
    "linkedin_url": "linkedin_url",
}
"""The vendor's name of a field, and ours."""

# Kept for its owner, and not for templates.
KEPT = ("related_company_id", "priority", "tags", "custom_fields", "created_date")


def contact_row(row: LeadRow) -> dict[str, Any]:
    """A contact, out of its row."""
    return contact_of(
        {
            "id": row.id,
            "address": row.address,
            "fields": row.fields,
            "extra": row.extra,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
    )


def contact_of(lead: Mapping[str, Any]) -> dict[str, Any]:
    """A contact, out of the columns of a lead."""
    fields: Mapping[str, Any] = lead["fields"]
    kept: Mapping[str, Any] = lead["extra"].get("leadlex", {})
    company = fields.get("company")
    return {
        **{name: value for name, value in kept.items() if name not in KEPT},
        "id": shown("contact", lead["id"]),
        "full_name": full_name(fields) or lead["address"],
        "first_name": fields.get("first_name"),
        "last_name": fields.get("last_name"),
        "email": lead["address"],
        "phone": fields.get("phone"),
        "job_title": fields.get("job_title"),
        "company": company,
        "company_name": company,
        "related_company_id": kept.get("related_company_id"),
        "linkedin_url": fields.get("linkedin_url"),
        "priority": kept.get("priority"),
        "tags": kept.get("tags") or [],
        "custom_fields": kept.get("custom_fields") or {},
        "created_date": kept.get("created_date") or moment(lead["created_at"]),
        "created_at": moment(lead["created_at"]),
        "updated_date": moment(lead["updated_at"]),
    }


def job_id(at: datetime) -> str:
    """The id of the import of that moment (UTC): it leads nowhere."""
    return uuid_of("import", int(at.timestamp() * 1e6))


def full_name(fields: Mapping[str, Any]) -> str:
    """The whole name of a lead, "" where none is known."""
    whole = fields.get("full_name") or " ".join(
        str(fields[name]) for name in ("first_name", "last_name") if fields.get(name)
    )
    return str(whole)
