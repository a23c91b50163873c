"""The page on events: the kinds that the services write, each with its meaning."""

import ast
import re
from collections.abc import Mapping

from caesura.domain.lifecycle import MessageState
from reference.markdown import code, page, table
from reference.source import modules, text

MEANINGS: Mapping[str, str] = {
    "campaign.archived": "It was put out of sight.",
    "campaign.completed": "Nothing is left to send.",
    "campaign.created": "A new draft.",
    "campaign.deleted": "A draft without leads is gone.",
    "campaign.dismissed": "Its start was not approved; it is a draft again.",
    "campaign.edited": "Its content was changed; what is not marked yet is composed anew.",
    "campaign.leads_enrolled": "Leads came in; `data` has their number and where they came from.",
    "campaign.pause_changed": "The options of its pause were changed.",
    "campaign.paused": "From here on, nothing more of it enters `sending`.",
    "campaign.quiesced": "It is paused, and the last message in transit has settled.",
    "campaign.rebound": "Leads whose mailbox had left have another one; `data` has their number.",
    "campaign.reopened": "It was completed, and runs again because leads were added.",
    "campaign.resumed": "It goes on from the same position.",
    "campaign.scheduled": "It will start by itself.",
    "campaign.start_refused": "Its planned start was refused by the preflight; it is a draft again. `data` says why.",
    "campaign.started": "It runs.",
    "campaign.stopped": "It was ended for good.",
    "campaign.submitted": "It waits for a person to approve its start.",
    "campaign.unarchived": "It is in sight again.",
    "campaign.unscheduled": "It does not start by itself any more.",
    "enrollment.created": "A lead was enrolled; those of lists are only counted, in `campaign.leads_enrolled`.",
    "enrollment.finished": "Every step is behind it.",
    "enrollment.held": "It is set aside until something is settled; `data` has the cause.",
    "enrollment.released": "It waits again, at its position.",
    "enrollment.stopped": "It was taken out before the end; `data` has the cause.",
    "message.cancelled": "Nothing of it was written; the step is tried again.",
    "message.deferred": "The server put it off; it goes out again later.",
    "message.rejected": "The server refused it for good, or it was settled as not sent.",
    "message.sent": "A server took it, or it was settled as sent.",
    "message.skipped": "The step was passed over for this lead; `data` has the cause.",
    "message.unknown": "Its fate cannot be known; it is not sent again.",
    "lead.created": "A new lead.",
    "lead.deleted": "A lead is gone.",
    "lead.updated": "A lead's address, fields or time zone were changed.",
    "list.created": "A new list.",
    "list.deleted": "A list is gone; its leads are not.",
    "list.members_added": "Leads were put on it; `data` has their number.",
    "list.members_removed": "Leads were taken off it; `data` has their number.",
    "list.renamed": "It has another name.",
    "mailbox.archived": "It is out of use.",
    "mailbox.created": "A new mailbox.",
    "mailbox.edited": "Its definition was changed.",
    "mailbox.unarchived": "It is in use again.",
    "pool.created": "A new pool.",
    "pool.deleted": "A pool is gone; its mailboxes are not.",
    "pool.edited": "It has other mailboxes.",
    "hold.placed": "From here on, nothing that it covers enters `sending`.",
    "hold.released": "One hold has ended; others stay.",
    "suppression.added": "An address or domain is not written to any more.",
    "suppression.removed": "An address or domain may be written to again.",
    "inbound.assigned": "Somebody was given it to look after, or nobody any more; `data` has to whom, and the note.",
    "inbound.classified": "Somebody said what the lead wants; `data` has the classification, and the one before.",
    "inbound.received": "A reply, a bounce or the like came in; `data` has its kind, and its id as `inbound`.",
    "key.created": "A new key of the API.",
    "key.revoked": "A key opens nothing any more.",
}

# What a kind that is put together can be.
_FILLINGS = {
    "lead.{fate}": ("lead.created", "lead.updated"),
    "enrollment.{state}": ("enrollment.held", "enrollment.stopped"),
    "message.{state}": tuple(f"message.{state}" for state in MessageState if state is not MessageState.SENDING),
}
_NOUNS = tuple(dict.fromkeys(kind.partition(".")[0] for kind in MEANINGS))
_KIND = re.compile(rf"(?:{'|'.join(_NOUNS)}|import)\.(?:[a-z_]+|\{{\w+\}})")


def written() -> set[str]:
    """The kinds of events that the services write."""
    kinds: set[str] = set()
    for _, module in modules("service"):
        for node in ast.walk(module):
            word = text(node) if isinstance(node, ast.Constant | ast.JoinedStr) else None
            if word and _KIND.fullmatch(word):
                kinds.update(_FILLINGS.get(word, (word,)))
    return kinds


def event_kinds() -> str:
    """The page. Raises AssertionError unless exactly the kinds that are written have a meaning."""
    unexplained, unwritten = written() - MEANINGS.keys(), MEANINGS.keys() - written()
    assert not unexplained, f"say in scripts/reference/events.py what these mean: {sorted(unexplained)}"
    assert not unwritten, f"take these out of scripts/reference/events.py, nothing writes them: {sorted(unwritten)}"
    parts = [
        "Every change writes an event in its own transaction, into a log that is only added to. An event has a kind, a "
        "time, an actor (`cli:anna`, `key:2f6kq7xw5mz3ahra`, `worker:...`, or `engine` for what happens by itself), "
        "the ids of what it is about, and `data`.",
    ]
    for noun in _NOUNS:
        rows = [(code(kind), meaning) for kind, meaning in MEANINGS.items() if kind.startswith(f"{noun}.")]
        parts += [f"## {noun.capitalize()}", table(("Kind", "What happened"), rows)]
    return page("Events", *parts)
