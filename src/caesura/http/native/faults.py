"""What is wrong with single rows of a bulk request: told in the answer, since the other rows count."""

from collections.abc import Iterable

from caesura.domain.errors import Problem
from caesura.http.problems import Fault


def faults(problems: Iterable[Problem]) -> list[Fault]:
    """The problems as they are shown, each with its place."""
    return [
        Fault(code=one.code, detail=one.detail, pointer=one.pointer, file=one.file, line=one.line) for one in problems
    ]
