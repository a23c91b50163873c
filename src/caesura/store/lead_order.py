"""The orders in which leads are told."""

from dataclasses import dataclass
from enum import StrEnum


class LeadOrder(StrEnum):
    """How leads are sorted. By age and by address an index helps; by change and by name each page looks at all."""

    NEWEST = "newest"
    OLDEST = "oldest"
    CHANGED_LAST = "changed_last"
    CHANGED_FIRST = "changed_first"
    NAME = "name"
    NAME_BACKWARDS = "name_backwards"
    ADDRESS = "address"
    ADDRESS_BACKWARDS = "address_backwards"


@dataclass(frozen=True, slots=True)
class LeadPosition:
    """A place in an order: what a lead is sorted by, as text (a time in RFC 3339, UTC; "" for its age), and its id."""

    text: str
    lead_id: int


# The first hundred letters: more would not fit into a cursor.
NAME = (
    "left(lower(coalesce(l.fields ->> 'full_name', "
    "concat_ws(' ', l.fields ->> 'first_name', l.fields ->> 'last_name'))), 100)"
)
"""By which names are sorted, in SQL over `l`."""
