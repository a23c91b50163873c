"""What a key may do. Each scope stands alone: write does not include read; `*` includes all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from caesura.domain.errors import Invalid, Problem


class Scope(StrEnum):
    """A permission of a key; the value is the word in rows, commands and answers."""

    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    CAMPAIGNS_SEND = "campaigns:send"
    LEADS_READ = "leads:read"
    LEADS_WRITE = "leads:write"
    MAILBOXES_READ = "mailboxes:read"
    MAILBOXES_WRITE = "mailboxes:write"
    INBOUND_READ = "inbound:read"
    INBOUND_WRITE = "inbound:write"
    HOLDS_WRITE = "holds:write"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_WRITE = "keys:write"
    WORKSPACES_READ = "workspaces:read"
    WORKSPACES_WRITE = "workspaces:write"
    ALL = "*"


DESCRIPTIONS: Mapping[Scope, str] = {
    Scope.CAMPAIGNS_READ: "Read campaigns, steps, enrollments, messages and why something is not sending.",
    Scope.CAMPAIGNS_WRITE: "Create, edit, archive and delete campaigns and their steps.",
    Scope.CAMPAIGNS_SEND: "Start, schedule, pause, resume and stop campaigns.",
    Scope.LEADS_READ: "Read leads, lists and suppressions.",
    Scope.LEADS_WRITE: "Create, import, edit, enroll, suppress and delete leads and lists.",
    Scope.MAILBOXES_READ: "Read mailboxes and pools, without their secrets.",
    Scope.MAILBOXES_WRITE: "Create, edit and archive mailboxes and pools.",
    Scope.INBOUND_READ: "Read replies, bounces, complaints and unsubscribes, and their counts.",
    Scope.INBOUND_WRITE: "Report what came back, classify and assign it. A report can stop and suppress a lead.",
    Scope.HOLDS_WRITE: "Read, place and release holds, the kill switch among them.",
    Scope.EVENTS_READ: "Read the event log.",
    Scope.WEBHOOKS_READ: "Read webhooks and what was sent to them, without their secrets.",
    Scope.WEBHOOKS_WRITE: "Create, edit, test and delete webhooks, reveal and rotate their secrets, send again.",
    Scope.KEYS_WRITE: "Read, create and revoke keys.",
    Scope.WORKSPACES_READ: "List the workspaces of the installation, with an account key.",
    Scope.WORKSPACES_WRITE: "Create, rename and delete workspaces, with an account key.",
    Scope.ALL: "Everything, also what comes with later versions.",
}
"""One sentence for each scope: what it permits."""


def allows(held: Collection[str], needed: str) -> bool:
    """Whether a key with the scopes `held` has the permission `needed`."""
    return needed in held or Scope.ALL in held


def checked(scopes: Iterable[str], known: Sequence[str] = tuple(Scope)) -> list[str]:
    """The scopes in the order of `known`, each once; `*` is always known.

    Raises Invalid `unknown_scope` or `scopes_missing`, with pointers.
    """
    given = list(scopes)
    words = dict.fromkeys((*known, str(Scope.ALL)))
    unknown = [
        Problem("unknown_scope", f"there is no scope {scope!r}", pointer=f"/scopes/{number}")
        for number, scope in enumerate(given)
        if scope not in words
    ]
    if unknown:
        raise Invalid.of(*unknown)
    if not given:
        raise Invalid.of(Problem("scopes_missing", "a key needs at least one scope", pointer="/scopes"))
    return [str(scope) for scope in words if scope in given]
