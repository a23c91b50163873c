"""The pages on commands, routes and the campaign file: what Caesura can be asked for."""

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import typer.main
from pydantic import BaseModel

from caesura.cli.commands import application
from caesura.domain import definition, definition_types, mailbox_definition, scopes
from caesura.http.application import create_application
from caesura.http.context import ApiContext
from reference.markdown import code, page, table


def commands() -> str:
    """The page on commands."""
    parts = [
        "`caesura COMMAND --help` prints the same. Every command ends with status 0 if it did what it says, 1 if not, "
        "and 2 if the command line was wrong. A campaign is named by its name or its id. Results go to standard "
        "output, everything else to standard error.",
    ]
    for words, command in leaf_commands():
        context = command.context_class(command, info_name=words)
        usage = " ".join((words, *command.collect_usage_pieces(context)))
        parts += [f"## {words}", f"    {usage}", inspect.cleandoc(command.help or "")]
        rows = [record for one in command.params if (record := one.get_help_record(context)) is not None]
        parts.append(table(("Argument or option", "Meaning"), ((code(names), about) for names, about in rows)))
    return page("Commands", *parts)


def root_command() -> Any:
    """The command `caesura`."""
    return typer.main.get_command(application())


def leaf_commands(command: Any = None, words: str = "caesura") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words: `caesura key create`."""
    command = command or root_command()
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, one in inner.items():
        if not one.hidden:
            yield from leaf_commands(one, f"{words} {name}")


@cache
def openapi() -> Mapping[str, Any]:
    """The description of the API; nothing is asked of a context for it."""
    return create_application(cast("ApiContext", None)).openapi()


def routes() -> str:
    """The page on routes."""
    document = openapi()
    parts = [
        "The server describes itself: `GET /openapi.json` (OpenAPI 3.1) has every field, example and error. This is "
        "the list of what is there. A key goes into the header `Authorization: Bearer cae_...`.",
    ]
    for tag in document["tags"]:
        rows = [
            (code(f"{method.upper()} {path}"), operation["summary"], _scopes(operation))
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation["tags"]
        ]
        head = ("Route", "What it does", "Scope")
        parts += [f"## {tag['name'].capitalize()}", tag["description"], table(head, rows)]
    permits = ((code(scope), scopes.DESCRIPTIONS[scope]) for scope in scopes.Scope)
    about = "What a key may do. Each stands alone: write does not include read."
    return page("HTTP routes", *parts, "## Scopes", about, table(("Scope", "Permits"), permits))


def _scopes(operation: Mapping[str, Any]) -> str:
    return " ".join(code(scope) for one in operation.get("security", ()) for found in one.values() for scope in found)


_SECTIONS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("The campaign", definition.CampaignDefinition, "Its fields stand at the top of the file."),
    ("[limits]", definition.CampaignLimits, ""),
    ("[unsubscribe]", definition.UnsubscribeDefinition, ""),
    ("[[headers]]", definition_types.HeaderItem, ""),
    (
        "[[windows]]",
        definition_types.WindowItem,
        "A step may have its own: `[[steps.windows]]`; a mailbox too: `[[mailboxes.windows]]`.",
    ),
    ("[[steps]]", definition.StepDefinition, "A step with one wording has `subject`, `text` and `html` itself."),
    ("[[steps.variants]]", definition.VariantDefinition, ""),
    ("[[pools]]", mailbox_definition.PoolDefinition, ""),
    ("[[mailboxes]]", mailbox_definition.MailboxDefinition, ""),
    ("[mailboxes.transport]", mailbox_definition.TransportDefinition, ""),
    ("[mailboxes.limits]", mailbox_definition.MailboxLimits, ""),
    ("[mailboxes.dkim]", mailbox_definition.DkimDefinition, ""),
    ("[limits.gradual] and [mailboxes.limits.ramp]", definition_types.Growth, ""),
)
_SECTION_OF: Mapping[str, str] = {model.__name__: heading for heading, model, _ in _SECTIONS}
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "table",
}


def campaign_file() -> str:
    """The page on the file that `caesura apply` reads."""
    parts = [
        "What `caesura apply FILE.toml` reads; `examples/campaign.toml` is one. The same fields, as JSON, are what the "
        "API takes. Unknown fields are refused.",
        "Only in a file: `text_file` (.md, .txt) and `html_file` (.html, .htm) in place of `text` and `html`, as paths "
        "from the file's own folder; `password_env` in place of `password`, the name of an environment variable; "
        "and `private_key_file` in place of `private_key`, a path that may lead anywhere.",
    ]
    for heading, model, note in _SECTIONS:
        schema = model.model_json_schema()
        needed = schema.get("required", ())
        rows = [
            (code(name), _kind(field), "needed" if name in needed else _default(field), _meaning(field))
            for name, field in schema["properties"].items()
        ]
        about = " ".join(filter(None, ((inspect.getdoc(model) or "").partition("\n\n")[0], note)))
        parts += [f"## {heading}", about, table(("Field", "Kind", "Default", "Meaning"), rows)]
    return page("The campaign file", *parts)


def _kind(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return f"table {code(_SECTION_OF[field['$ref'].rpartition('/')[2]])}"
    if "enum" in field:
        return ", ".join(code(one) for one in field["enum"] if one is not None)
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"] if one.get("type") != "null")
    if field.get("type") == "array":
        inner = _kind(field["items"])
        return f"tables {inner.removeprefix('table ')}" if "$ref" in field["items"] else f"list of {inner}"
    if field.get("format") == "date-time":
        return "moment (RFC 3339)"
    bounds = [f"{word} {field[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in field]
    return " ".join((_KINDS[field["type"]], *bounds))


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "" if value is None or isinstance(value, list | dict) else code(_toml(value))


def _meaning(field: Mapping[str, Any]) -> str:
    examples = field.get("examples") or ()
    shown = f" Such as {code(_toml(examples[0]))}." if examples else ""
    return f"{field.get('description', '')}{shown}"


def _toml(value: object) -> str:
    match value:
        case str():
            return f'"{value}"'
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{ {', '.join(f'{name} = {_toml(one)}' for name, one in value.items())} }}"
    return str(value)
