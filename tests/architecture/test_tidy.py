"""The house rules that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from caesura.http.doors import doors
from caesura.store.queries import FOLDER, load

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "caesura"
MODULES = sorted(SOURCE.rglob("*.py"))
NOUNS = sorted(path.stem for path in FOLDER.glob("*.sql"))

MODULE_LINES = 500
FUNCTION_LINES = 70
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    line = f":{getattr(node, 'lineno', 1)}" if node else ""
    return f"{path.relative_to(ROOT)}{line}"


def too_long_functions(module: ast.Module) -> Iterator[Function]:
    for node in ast.walk(module):
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES:
            yield node


def without_docstring(module: ast.Module) -> Iterator[ast.AST]:
    """The module, and its public classes and functions, as far as they say nothing of themselves."""
    if ast.get_docstring(module) is None:
        yield module
    for node in module.body:
        named = isinstance(node, ast.ClassDef | Function)
        if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield node


def uses_of_queries(module: ast.Module) -> Iterator[tuple[str, str]]:
    """(noun, query) of every `SQL["query"]` where `SQL = load("noun")`."""
    nouns = {
        target.id: node.value.args[0].value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and ast.unparse(node.value.func) == "load"
        if isinstance(node.value.args[0], ast.Constant) and isinstance(node.value.args[0].value, str)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in nouns:
            names = [one.value for one in ast.walk(node.slice) if isinstance(one, ast.Constant)]
            assert names, f"{ast.unparse(node)}: a query is named where it is used, so that it can be found"
            yield from ((nouns[node.value.id], str(name)) for name in names)


def test_no_vendors_word_stands_below_the_doors() -> None:
    names = [door.name for door in doors()]
    assert len(names) == 4
    below = [SOURCE / layer for layer in ("domain", "store", "service", "worker", "protocol")]
    found = [
        f"{place(path)}: {name}"
        for folder in below
        for path in (*folder.rglob("*.py"), *folder.rglob("*.sql"))
        for name in names
        if name in path.read_text(encoding="utf-8").lower()
    ]
    assert found == []


def test_doors_do_not_know_each_other() -> None:
    names = [door.name for door in doors()]
    found = [
        f"{place(path)}: {other}"
        for name in names
        for path in (SOURCE / "http" / name).rglob("*.py")
        for other in names
        if other != name and f"caesura.http.{other}" in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_no_function_is_longer_than_70_lines() -> None:
    assert [place(path, node) for path in MODULES for node in too_long_functions(tree(path))] == []


def test_every_module_and_everything_public_in_it_says_what_it_is() -> None:
    # A revision's `upgrade` is named by Alembic, and its module says what it brings.
    modules = [path for path in MODULES if path.parent.name != "versions"]
    assert [place(path, node) for path in modules for node in without_docstring(tree(path))] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [place(path) for path in MODULES if {path.stem, path.parent.name} & VAGUE_NAMES] == []


def test_types_are_never_ignored() -> None:
    ignoring = re.compile(r"#\s*type:\s*ignore|#\s*mypy:")
    assert [place(path) for path in MODULES if ignoring.search(path.read_text(encoding="utf-8"))] == []


def test_every_query_is_used_and_every_used_one_exists() -> None:
    used = {use for path in SOURCE.joinpath("store").glob("*.py") for use in uses_of_queries(tree(path))}
    assert used == {(noun, name) for noun in NOUNS for name in load(noun)}


def test_every_query_says_what_it_is_for() -> None:
    silent = [f"{noun}.{name}" for noun in NOUNS for name, text in load(noun).items() if not text.startswith("-- ")]
    assert silent == []


@pytest.mark.parametrize("noun", NOUNS)
async def test_every_query_fits_the_schema(noun: str, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("begin")
        for text in load(noun).values():
            if "create temporary table" in text:  # queries that come after it find it
                await connection.execute(text, *[None] * len(set(re.findall(r"\$\d+", text))))
        for name, text in load(noun).items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{noun}.{name}: {error}")
    finally:
        await connection.close()


def test_the_rules_see_what_they_forbid() -> None:
    module = ast.parse("def long():\n" + "    pass\n" * FUNCTION_LINES + "\nclass Silent: pass\ndef _own(): pass\n")
    assert [node.name for node in too_long_functions(module)] == ["long"]
    assert len(list(without_docstring(module))) == 3
    queries = ast.parse('SQL = load("noun")\ndef use(): return SQL["a"], SQL["b" if x else "c"], OTHER["d"]\n')
    assert list(uses_of_queries(queries)) == [("noun", "a"), ("noun", "b"), ("noun", "c")]
