"""Reads the source as text: what is said in it, and where."""

import ast
import builtins
from collections.abc import Iterator, Mapping
from pathlib import Path

import caesura

SOURCE = Path(caesura.__file__).parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(folder: str = "") -> Iterator[tuple[Path, ast.Module]]:
    """The modules of a folder of the source, by their paths from the source's root."""
    for path in sorted((SOURCE / folder).rglob("*.py")):
        yield path.relative_to(SOURCE), ast.parse(path.read_text(encoding="utf-8"))


def text(node: ast.expr) -> str | None:
    """A text in the source; what it is filled with stands in braces. None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else _filling(one) for one in node.values)
    return None


def _filling(node: ast.expr) -> str:
    """The plainest word in an expression: an attribute, a key, a name."""
    inner = list(ast.walk(node))
    words = [one.attr for one in inner if isinstance(one, ast.Attribute)]
    words += [one.value for one in inner if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    words += [one.id for one in inner if isinstance(one, ast.Name) and not one.id.startswith("_")]
    plain = [word.strip("_").lower() for word in words if word.isidentifier() and not hasattr(builtins, word)]
    return f"{{{plain[0]}}}" if plain else "{...}"


def functions(module: ast.Module) -> Iterator[Function]:
    """The functions and methods that are in no other function."""
    for node in module.body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (one for one in node.body if isinstance(one, Function))


def texts_before(function: Function, line: int) -> Mapping[str, str | None]:
    """What the names in a function stand for at a line, where that is a text."""
    assigns = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and node.lineno < line]
    return {
        target.id: text(node.value)
        for node in sorted(assigns, key=lambda node: node.lineno)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
