"""What a door must say of its webhooks: which events it tells of, in which words, how signed, how often tried again."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

EVERYTHING = "*"
"""The subscription to every event, for the doors that know it."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An entry of the event log. `kind` is `noun.verb`; the ids name what it is about; `data` is JSON."""

    workspace_id: int
    id: int
    at: datetime
    kind: str
    actor: str
    campaign_id: int | None
    enrollment_id: int | None
    step: int | None
    mailbox_id: int | None
    lead_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows that some events name, as they are now: columns by name, without secrets. Deleted ones are missing.

    `messages` go by (enrollment, step), all others by id. `steps` of a campaign are in order. `senders` has, of the
    campaigns that are themselves what an event is about, the addresses of their mailboxes.
    """

    workspace: Mapping[str, Any] = field(default_factory=dict)
    campaigns: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    steps: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    senders: Mapping[int, Sequence[str]] = field(default_factory=dict)
    leads: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    mailboxes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    enrollments: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    messages: Mapping[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)
    inbound: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told, in a door's own words. `at` is when it happened (UTC); `key` names it, as in Parcel.

    `event_id` is None for what no event of the log stands for, such as a test.
    """

    workspace_id: int
    key: str
    name: str
    data: Mapping[str, Any]
    at: datetime
    event_id: int | None = None
    campaign_id: int | None = None
    enrollment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request about to be sent. `body` and `key` are the same at each attempt and each replay: what a receiver

    knows a repetition by. `delivery_id` is the same at each attempt, and new at a replay. `attempt` counts from 1.
    `webhook_extra` is what the door keeps with the webhook.
    """

    workspace_id: int
    webhook_id: int
    delivery_id: int
    key: str
    name: str
    body: bytes
    attempt: int
    webhook_extra: Mapping[str, Any] = field(default_factory=dict)


class WebhookForm(Protocol):
    """How one door's webhooks look. Pure: no I/O, no clock, no dice. One object per door, in `http.webhook_forms`.

    - `dialect`: the door's name, as in keys.
    - `names`: the events that can be subscribed to, as the door calls them. With EVERYTHING among them, `*` is one.
    - `batch`: how many notices of one event, one campaign and one webhook go into one request at most; 1: no batches.
    - `retries`: seconds from each failed attempt to the next, so that there are `len(retries) + 1` attempts.
    - `timeout`: seconds for the whole request. An answer of 2xx in time is success, all else failure.
    - `unsubscribing`: answer codes that disable the webhook at once, such as 410.
    """

    @property
    def dialect(self) -> str:
        """As in keys."""
        ...

    @property
    def names(self) -> Collection[str]:
        """What can be subscribed to."""
        ...

    @property
    def batch(self) -> int:
        """Notices in one request, at most."""
        ...

    @property
    def retries(self) -> Sequence[float]:
        """Seconds between attempts."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for a request."""
        ...

    @property
    def unsubscribing(self) -> Collection[int]:
        """Answer codes that disable the webhook."""
        ...

    def new_secret(self, entropy: Callable[[int], bytes]) -> str:
        """A signing secret, as its owner sees it, out of `entropy(n)`'s n random bytes."""
        ...

    def translate(self, event: Occurrence, facts: Facts) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """What the door tells of this event: (its event's name, its `data`), mostly one or none.

        Names outside `names` are told to nobody. It must not fail for whatever is missing from `facts`.
        """
        ...

    def body(self, notices: Sequence[Notice]) -> bytes:
        """The request's body: one notice, or with `batch` over 1 up to that many. Made once, then kept."""
        ...

    def headers(self, parcel: Parcel, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """The headers of an attempt made `now`, Content-Type and signature among them.

        `secrets` are the good ones, newest first: two while a rotation lasts.
        """
        ...
