"""Templates: `/templates`. Their text is copied into campaigns and mails, and kept as it was given."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from caesura.domain.errors import Invalid, NotFound
from caesura.domain.message_template import MessageTemplateDefinition
from caesura.domain.scopes import Scope
from caesura.domain.validation import validate
from caesura.http import opaque_ids
from caesura.http.autosend.door import AUTOSEND
from caesura.http.autosend.handlebars import translate
from caesura.http.autosend.values import Body, counted, id_of, leaf, moment
from caesura.http.door import Call, Refusal, until_unchanged
from caesura.service import message_templates
from caesura.store.message_templates import TemplateRow

DOOR = "autosend"
_PAGE = 500


def shown_id(number: int) -> str:
    """`A-` and 20 hexadecimal digits."""
    return f"A-{opaque_ids.short_hex_of('template', number)}"


def number_of_template(text: str) -> int:
    """Our number of a template. Raises NotFound."""
    number = opaque_ids.number_of_short_hex("template", text.removeprefix("A-")) if text.startswith("A-") else None
    if number is None:
        raise NotFound("template_not_found", "there is no such template")
    return number


def view(row: TemplateRow) -> dict[str, Any]:
    """A template."""
    kept = row.extra.get(DOOR, {})
    return {
        "id": shown_id(row.id),
        "templateId": shown_id(row.id),
        "projectId": id_of("project", row.workspace_id),
        "templateName": row.name,
        "subject": row.subject,
        "description": row.description,
        "previewText": kept.get("previewText"),
        "emailTemplate": row.html,
        "templateType": kept.get("templateType", "transactional"),
        "builderType": kept.get("builderType", "code"),
        **{name: value for name, value in kept.items() if name not in ("previewText", "templateType", "builderType")},
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
    }


@AUTOSEND.on("POST", "/templates", Scope.CAMPAIGNS_WRITE)
async def create_template(call: Call) -> Response:
    """A new template."""
    definition = definition_of(Body(call.fields()), None)
    row = await message_templates.create(*call.key, definition, call.caller.actor, call.now)
    return call.answer({"success": True, "data": view(row)}, 201)


@AUTOSEND.on("GET", "/templates", Scope.CAMPAIGNS_READ)
async def list_templates(call: Call) -> Response:
    """Templates, newest first."""
    page, limit = counted("page", call.query("page"), 1, None), counted("limit", call.query("limit"), 20, 100)
    rows: list[TemplateRow] = []
    while found := await message_templates.page(*call.key, rows[-1].id if rows else None, _PAGE):
        rows += found
    shown = [view(row) for row in rows[(page - 1) * limit : page * limit]]
    data = {"templates": shown, "pagination": leaf(page, limit, len(rows))}
    return call.answer({"success": True, "data": data})


@AUTOSEND.on("GET", "/templates/{template_id}", Scope.CAMPAIGNS_READ)
async def get_template(call: Call) -> Response:
    """One template."""
    row = await message_templates.get(*call.key, number_of_template(call.path("template_id")))
    return call.answer({"success": True, "data": view(row)})


@AUTOSEND.on("PUT", "/templates/{template_id}", Scope.CAMPAIGNS_WRITE)
async def update_template(call: Call) -> Response:
    """Changes what is given of a template; campaigns that were made of it stay as they are."""
    number = number_of_template(call.path("template_id"))
    return call.answer({"success": True, "data": view(await overwrite(call, number, call.fields()))})


@AUTOSEND.on("DELETE", "/templates/{template_id}", Scope.CAMPAIGNS_WRITE)
async def delete_template(call: Call) -> Response:
    """Deletes a template."""
    try:
        number = number_of_template(call.path("template_id"))
        await message_templates.delete(*call.key, number, call.caller.actor, call.now)
    except NotFound as error:
        raise Refusal(400, "DELETE_TEMPLATE_FAILED", "Template delete failed") from error
    return call.answer({"success": True, "message": "Template successfully deleted."})


async def overwrite(call: Call, number: int, given: Mapping[str, Any]) -> TemplateRow:
    """Changes what is given of a template; edits of other fields at the same moment stay. Raises NotFound, Invalid."""

    async def changed() -> TemplateRow:
        before = await message_templates.get(*call.key, number)
        after, by = definition_of(Body(given), before), call.caller.actor
        return await message_templates.replace(*call.key, number, after, before.version, by, call.now)

    return await until_unchanged(changed)


def definition_of(body: Body, before: TemplateRow | None) -> MessageTemplateDefinition:
    """The template that a body describes: a new one, or `before` with what the body changes. Raises Invalid."""
    is_new = before is None
    for field, most in (("templateName", 90), ("subject", 988), ("emailTemplate", None)):
        body.text(field, most, required=is_new or body.has(field))
    body.text("description", 140)
    body.text("previewText", 140)
    body.choice("templateType", ("transactional", "marketing"))
    body.choice("builderType", ("code", "visual"))
    body.check()
    given = body.fields
    _check_text(given.get("subject"), "/subject", html=False)
    _check_text(given.get("emailTemplate"), "/emailTemplate", html=True)
    named = ("templateName", "subject", "description", "emailTemplate")
    kept = before.extra.get(DOOR, {}) if before else {"templateType": "transactional", "builderType": "code"}
    kept = {**kept, **{name: value for name, value in given.items() if name not in named and value is not None}}
    known = (before.name, before.subject, before.description, before.html) if before else ("", None, "", None)
    name, subject, description, html = (
        given.get(one) if body.has(one) else old for one, old in zip(named, known, strict=True)
    )
    data = {"name": name, "subject": subject, "description": description, "html": html, "extra": {DOOR: kept}}
    return validate(MessageTemplateDefinition, data)


def _check_text(text: object, pointer: str, html: bool) -> None:
    """Tells at once what could not be sent. Raises Invalid."""
    if isinstance(text, str):
        try:
            translate(text, pointer, html)
        except Invalid as error:
            raise Invalid.of(*error.problems) from error
