"""Which host names lead to a vendor's door, so that its own host name may point here. Light to import: settings do."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from caesura.http.key_forms import KEY_FORMS, NATIVE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PREFIXES: Mapping[str, str] = {dialect: f"/{dialect}" for dialect in KEY_FORMS if dialect != NATIVE.dialect}
"""By dialect: where its door is."""

# For those who watch and for recipients, at whatever name they reach this server.
_OPEN = ("/healthz", "/readyz", "/metrics", "/unsubscribe")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*|\[[0-9a-f:.]+\]")


def parse_door_hosts(text: str) -> dict[str, str]:
    """The prefix for each host name, in lower case, out of `api.example.com=dialect,...`. Raises ValueError."""
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, equals, dialect = (part.strip().lower() for part in entry.partition("="))
        if not equals or not host or not dialect:
            raise ValueError(f"{entry[:300]!r} is not of the form HOST=DOOR")
        if _HOST.fullmatch(host) is None:
            raise ValueError(f"{host[:300]!r} is not a host name: give it without scheme, port and path")
        if dialect not in PREFIXES:
            raise ValueError(f"there is no door {dialect[:100]!r}: one of {', '.join(PREFIXES)}")
        if host in found:
            raise ValueError(f"{host!r} is there twice")
        found[host] = PREFIXES[dialect]
    return found


class DoorHosts:
    """ASGI middleware: a request to one of `hosts` comes to that door, whether its path begins there or not."""

    def __init__(self, app: "ASGIApp", hosts: Mapping[str, str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Passes the request on, with the door's prefix before its path where the host name asks for it."""
        if scope["type"] == "http":
            prefix = self._hosts.get(_host(scope))
            if prefix is not None and not any(_is_below(scope["path"], one) for one in (prefix, *_OPEN)):
                raw = scope.get("raw_path") or scope["path"].encode()
                scope = {**scope, "path": prefix + scope["path"], "raw_path": prefix.encode() + raw}
        await self._app(scope, receive, send)


def _host(scope: "Scope") -> str:
    """The host name that was asked for, in lower case, without its port; empty when none was."""
    text = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].rstrip(".")


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
