"""The page on events: the kinds that the services write, each with its meaning."""

import ast
import re

from caesura.domain.event_kinds import MEANINGS
from caesura.domain.lifecycle import MessageState
from reference.markdown import code, page, table
from reference.source import modules, text

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
    assert not unexplained, f"say in caesura/domain/event_kinds.py what these mean: {sorted(unexplained)}"
    assert not unwritten, f"take these out of caesura/domain/event_kinds.py, nothing writes them: {sorted(unwritten)}"
    parts = [
        "Every change writes an event in its own transaction, into a log that is only added to. An event has a kind, a "
        "time, an actor (`cli:anna`, `mcp:anna`, `key:2f6kq7xw5mz3ahra`, `worker:...`, or `engine` for what happens by "
        "itself), "
        "the ids of what it is about, and `data`.",
    ]
    for noun in _NOUNS:
        rows = [(code(kind), meaning) for kind, meaning in MEANINGS.items() if kind.startswith(f"{noun}.")]
        parts += [f"## {noun.capitalize()}", table(("Kind", "What happened"), rows)]
    return page("Events", *parts)
