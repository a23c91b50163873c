"""The page on error codes, which are gathered from the source: wherever an error is made, with its code."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from caesura.domain import errors
from caesura.http import problems
from reference.markdown import code, page, table
from reference.source import functions, modules, text, texts_before

KINDS = tuple(kind.__name__ for kind in problems.STATUS)

# Where a code is made in several places, the sentence of the innermost layer is shown.
_ORDER = ("domain", "service", "store", "http", "worker", "runtime", "cli", "protocol", "__init__.py", "__main__.py")

# What makes an error of (code, detail), and its kind.
_MAKERS: Mapping[str, str] = {
    **{kind: kind for kind in KINDS},
    **dict.fromkeys(("Problem", "fault", "AddressError", "RejectedRow", "misplaced", "invalid"), "Invalid"),
    **dict.fromkeys(("_Flaw", "_problem", "_invalid", "_note", "_require"), "Invalid"),
    "Unsendable": "Unsendable",
    "Finding": "Finding",
    "Failed": "Unavailable",
}
# How many arguments stand before the code.
_BEFORE = {"RejectedRow": 1, "misplaced": 2, "_require": 1}

_CODE = re.compile(r"(?:[a-z][a-z0-9]*|\{\w+\})(?:_(?:[a-z0-9]+|\{\w+\}))+")


def error_codes() -> str:
    """The page."""
    found = gathered()
    parts = [
        "Decide by the code; the sentence is for people, and may change. The API answers "
        "`application/problem+json` (RFC 9457) with `code`, `detail`, `request_id` and, where there are several faults "
        "or a place is known, `errors`. A command prints the sentence with its place and the code in brackets, and "
        "ends with status 1; what only a command can meet has the status it would have.",
        "The list is gathered from the source. Braces hold what differs from case to case.",
    ]
    for kind in KINDS:
        usual = problems.STATUS[getattr(errors, kind)]
        rows = [
            (code(word), problems.STATUS_OF_CODE.get(word, usual), sentence) for word, sentence in _of_kind(found, kind)
        ]
        about = (inspect.getdoc(getattr(errors, kind)) or "").partition("\n\n")[0]
        parts += [f"## {usual} {problems.TITLES[usual]}", about, table(("Code", "HTTP", "Sentence"), rows)]
    plain = [(code(word), status, sentence) for status, (word, sentence) in sorted(_of_http().items())]
    two = ("Code", "Sentence")
    parts += [
        "## Before and behind all of these",
        table(("Code", "HTTP", "Sentence"), plain),
        "## A message that cannot be made for one lead",
        "The lead is held with the code as its cause, and nothing is sent to it.",
        table(two, ((code(word), sentence) for word, sentence in _of_kind(found, "Unsendable"))),
        "## What a preflight finds",
        "`caesura check`, and every start. The codes of templates and conditions can come here too.",
        table(two, ((code(word), sentence) for word, sentence in _of_kind(found, "Finding"))),
    ]
    return page("Error codes", *parts)


@cache
def gathered() -> dict[tuple[str, str], str]:
    """The sentence of each kind and code; empty where it is put together elsewhere."""
    found: dict[tuple[str, str], str] = {}
    for path, module in sorted(modules(), key=lambda one: (_ORDER.index(one[0].parts[0]), one[0])):
        for kind, word, sentence in _errors_in(path, module):
            found[kind, word] = found.get((kind, word)) or sentence
    return found


def _of_kind(found: Mapping[tuple[str, str], str], kind: str) -> list[tuple[str, str]]:
    return [(word, sentence) for (one, word), sentence in sorted(found.items()) if one == kind]


def _of_http() -> dict[int, tuple[str, str]]:
    return {**problems._HTTP_CODES, 500: problems.INTERNAL}


def _errors_in(path: Path, module: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Kind, code and sentence of the errors that a module makes."""
    for node in module.body:
        # The native door has examples there, for its description.
        if isinstance(node, ast.Assign | ast.AnnAssign) and path.parts[:2] != ("http", "native"):
            for one in ast.walk(node):
                yield from _made_in(one, {}, {})
    for function in functions(module):
        bases = {
            id(one): base.id
            for node in module.body
            if isinstance(node, ast.ClassDef) and function in node.body
            for one in ast.walk(function)
            for base in node.bases[:1]
            if isinstance(base, ast.Name)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Call | ast.Tuple):
                yield from _made_in(node, texts_before(function, node.lineno), bases)


def _made_in(
    node: ast.AST, names: Mapping[str, str | None], bases: Mapping[int, str]
) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        word, sentence = map(text, node.elts)
        if word and sentence and _CODE.fullmatch(word) and sentence.endswith("."):
            yield "Invalid", word, sentence
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    kind = _MAKERS.get(name if name != "__init__" else bases.get(id(node), ""))
    before = _BEFORE.get(name, 0)
    if kind is None or len(node.args) < before + 2:
        return
    word, detail = text(node.args[before]), node.args[before + 1]
    if word and _CODE.fullmatch(word):
        yield kind, word, (names.get(detail.id) if isinstance(detail, ast.Name) else text(detail)) or ""
