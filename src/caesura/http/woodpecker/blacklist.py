"""The blacklist: our suppressions. They count at once, while the vendor's do when a campaign is processed next."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.responses import Response

from caesura.domain.errors import Invalid, NotFound
from caesura.domain.scopes import Scope
from caesura.http.door import Call
from caesura.http.woodpecker import reading
from caesura.http.woodpecker.door import WOODPECKER, identifier
from caesura.http.woodpecker.reading import incorrect
from caesura.service import suppressions
from caesura.store.suppressions import SuppressionRow

MAXIMUM = 500
USUAL_PAGE = 100
_CHUNK = 1_000


async def _add(call: Call, name: str) -> Response:
    values = _values(call, name)
    done = await suppressions.suppress_many(*call.key, values, call.caller.actor, call.now)
    wrong = {problem.pointer for problem in done.rejected}
    kept = [value for place, value in enumerate(values) if f"/values/{place}" not in wrong]
    return call.answer({name: kept})


async def _remove(call: Call, name: str) -> Response:
    """Answers those that were on it; others, and what is none at all, do not matter."""
    removed = []
    for value in reading.items(call.fields(), name, MAXIMUM, True):
        if not isinstance(value, str) or ("@" in value) is not (name == "emails"):
            continue
        with suppress(NotFound, Invalid):
            await suppressions.unsuppress(*call.key, value, call.caller.actor, call.now)
            removed.append(value)
    return call.answer({name: removed})


async def _list(call: Call, name: str) -> Response:
    number = identifier(call.query("page") or "0", "page")
    size = identifier(call.query("per_page") or str(USUAL_PAGE), "per_page")
    if not 1 <= size <= MAXIMUM:
        raise incorrect("per_page")
    given = [one.strip().lower() for one in (call.query(f"{name[:-1]}_filter") or "").split(",")]
    patterns = [re.compile(re.escape(one).replace(r"\*", ".*"), re.DOTALL) for one in given if one]
    found = []
    after: tuple[str, str] | None = None
    while True:
        rows: list[SuppressionRow] = await suppressions.page(*call.key, after, _KINDS[name], _CHUNK)
        found += [row.value for row in rows if not patterns or any(one.fullmatch(row.value) for one in patterns)]
        if len(rows) < _CHUNK:
            break
        after = (rows[-1].kind, rows[-1].value)
    return call.answer({name: found[number * size : (number + 1) * size], "total": len(found)})


_KINDS = {"emails": "address", "domains": "domain"}


def _values(call: Call, name: str) -> list[str]:
    values = list(reading.items(call.fields(), name, MAXIMUM, True))
    is_email = name == "emails"
    if not values or not all(isinstance(one, str) and ("@" in one) is is_email for one in values):
        raise incorrect(name)
    return values


def _register(method: str, name: str, scope: Scope, act: Callable[[Call, str], Awaitable[Response]], verb: str) -> None:
    async def handler(call: Call) -> Response:
        return await act(call, name)

    handler.__name__ = f"{verb}_blacklisted_{name}"
    WOODPECKER.on(method, f"/v2/blacklist/{name}", scope)(handler)


for _name in _KINDS:
    _register("GET", _name, Scope.LEADS_READ, _list, "list")
    _register("POST", _name, Scope.LEADS_WRITE, _add, "add")
    _register("DELETE", _name, Scope.LEADS_WRITE, _remove, "delete")
