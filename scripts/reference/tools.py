"""The page on the tools for agents."""

from typing import Any

from caesura.http.mcp.server import described
from caesura.http.mcp.tools import TOOLS
from reference.markdown import code, page, table


def tools() -> str:
    """The page."""
    parts = [
        "`caesura mcp` offers these over the Model Context Protocol: [how to use it](../howto/mcp.md). Each takes what "
        "the native route takes that does the same, needs the same scope, and answers the same, as structured content "
        "with a schema. A failure has `code`, `detail` and, where places are known, `errors` with JSON pointers into "
        "the arguments: the [error codes](errors.md) are those of the API.",
        table(
            ("Tool", "Scope", "What it does to the world"),
            ((code(name), code(tool.scope), _effect(tool.hints)) for name, tool in TOOLS.items()),
        ),
    ]
    for name, tool in described().items():
        required = tool.parameters.get("required", ())
        rows = [
            (code(place), "yes" if place in required else "", argument.get("description", ""))
            for place, argument in tool.parameters["properties"].items()
        ]
        parts += [f"## {name}", tool.description, table(("Argument", "Needed", "Meaning"), rows)]
    return page("Tools for agents", *parts)


def _effect(hints: Any) -> str:
    if hints.read_only_hint:
        return "reads"
    if hints.open_world_hint:
        return "sends, or lets something be sent: destructive"
    return "changes what is there: destructive" if hints.destructive_hint else "changes, and destroys nothing"
