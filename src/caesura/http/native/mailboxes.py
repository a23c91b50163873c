"""Mailboxes: `/api/v1/mailboxes`. Who sends, over which server, and how much."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from caesura.domain.capacity import Capacity
from caesura.domain.definition_types import Definition, EmailAddress, Extra, Line
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.scopes import Scope
from caesura.http import etags
from caesura.http.authentication import Caller, require
from caesura.http.context import ApiContext, context_of
from caesura.http.native.identifiers import MAILBOX
from caesura.http.native.route import NativeRoute
from caesura.http.pagination import Page, Window, pages
from caesura.http.problems import answers
from caesura.service import capacity, mailboxes, senders
from caesura.store.mailboxes import MailboxRow

TAG = {"name": "mailboxes", "description": "Sender identities, each with its server and its limits."}

router = APIRouter(prefix="/api/v1/mailboxes", tags=["mailboxes"], route_class=NativeRoute)

NOT_FOUND = NotFound("mailbox_not_found", "there is no such mailbox in this workspace")
NAME_TAKEN = Conflict("name_taken", "there is a mailbox named 'anna' already")
NO_DOMAIN = NotFound("domain_not_found", "no mailbox here sends from example.com")
SENDER_EXISTS = Conflict("sender_exists", "there is a mailbox with the address ben@example.com already")
IN_USE = Conflict("mailbox_in_use", "a campaign that is not at an end sends from this mailbox")
BAD_TRANSPORT = Invalid.of(Problem("insecure_transport", "without TLS, everybody can read along", "/transport/tls"))

Reader = Annotated[Caller, require(Scope.MAILBOXES_READ)]
Writer = Annotated[Caller, require(Scope.MAILBOXES_WRITE)]
MailboxId = Annotated[str, MAILBOX.path()]


class MailboxBeside(Definition):
    """A further address of a domain that a mailbox has."""

    address: EmailAddress = Field(description="The new mailbox is named so, too.", examples=["ben@example.com"])
    from_name: Line | None = Field(default=None, description="The name in From.", examples=["Ben of Acme"])
    reply_to: EmailAddress | None = Field(default=None, description="Where answers are to go.")


class Dkim(BaseModel):
    """How a mailbox's messages are signed, and what its domain has to publish for it."""

    algorithm: str = Field(description="rsa-sha256 or ed25519-sha256.", examples=["rsa-sha256"])
    record_name: str = Field(description="Where the TXT record belongs.", examples=["mail2030._domainkey.example.com"])
    record: str = Field(description="The TXT record.", examples=["v=DKIM1; k=rsa; p=MIIBIjANBgkq..."])
    warning: str | None = Field(description="What is weak about the key.", examples=[None])


class Mailbox(BaseModel):
    """A mailbox, without its secrets."""

    id: Annotated[str, MAILBOX.shown()]
    name: str = Field(examples=["anna"])
    address: str = Field(examples=["anna@example.com"])
    has_password: bool = Field(description="Whether a password is kept, sealed.")
    dkim: Dkim | None = Field(description="null: its messages are not signed.")
    archived: bool
    version: int = Field(description="Counts edits; the ETag.", examples=[3])
    definition: dict[str, Any] = Field(
        description="As it was written, without the password and the private key.",
        examples=[{"name": "anna", "address": "anna@example.com", "transport": {"host": "smtp.example.com"}}],
    )
    used_today: int | None = Field(
        description="Messages that count for its present day; null where nothing limits it, so nothing is counted.",
        examples=[12],
    )
    cap_today: int | None = Field(
        description="What its daily cap and its ramp allow on that day; null: any number.", examples=[40]
    )
    left_today: int | None = Field(description="What is left of that; null: any number.", examples=[28])
    created_at: datetime
    updated_at: datetime


class MailboxKept(Definition):
    """What is to be kept with a mailbox."""

    extra: Extra = Field(
        description="Anything; kept and returned, never read. An object goes into the one kept.",
        examples=[{"crm": {"owner": "Kim"}}],
    )


class MailboxPage(Page[Mailbox]):
    """A page of mailboxes."""

    model_config = ConfigDict(title="MailboxPage")


@router.post(
    "",
    operation_id="create_mailbox",
    summary="Create a mailbox",
    status_code=201,
    responses=answers(NAME_TAKEN, BAD_TRANSPORT),
)
async def create_mailbox(request: Request, response: Response, body: MailboxDefinition, caller: Writer) -> Mailbox:
    """A new mailbox. Its password and its private key are kept sealed, and never returned."""
    context = context_of(request)
    row = await mailboxes.create(
        context.database, caller.workspace_id, body, context.keyring.seal, caller.actor, context.clock()
    )
    response.headers["Location"] = f"{router.prefix}/{MAILBOX.show(row.id)}"
    return await _shown(context, response, row)


@router.post(
    "/beside",
    operation_id="create_mailbox_beside",
    summary="Create one beside another",
    status_code=201,
    responses=answers(NO_DOMAIN, SENDER_EXISTS),
)
async def create_mailbox_beside(request: Request, response: Response, body: MailboxBeside, caller: Writer) -> Mailbox:
    """With the server, secrets, limits and signature of the oldest mailbox of the address's domain."""
    context = context_of(request)
    row = await senders.add_beside(
        context.database,
        context.keyring,
        caller.workspace_id,
        body.address,
        body.from_name,
        body.reply_to,
        caller.actor,
        context.clock(),
    )
    response.headers["Location"] = f"{router.prefix}/{MAILBOX.show(row.id)}"
    return await _shown(context, response, row)


@router.get("", operation_id="list_mailboxes", summary="List mailboxes")
async def list_mailboxes(
    request: Request, caller: Reader, window: Annotated[Window, pages("mailboxes")]
) -> MailboxPage:
    """Mailboxes that are not archived, newest first."""
    context = context_of(request)
    rows = await mailboxes.page(context.database, caller.workspace_id, window.position, window.fetch)
    shown, cursor = window.shown(rows, lambda row: row.id)
    capacities = await capacity.of_mailboxes(
        context.database, context.plans, caller.workspace_id, shown, context.clock()
    )
    return MailboxPage(items=[_view(row, capacities[row.id]) for row in shown], next_cursor=cursor)


@router.get("/{mailbox_id}", operation_id="get_mailbox", summary="Read a mailbox", responses=answers(NOT_FOUND))
async def get_mailbox(request: Request, response: Response, mailbox_id: MailboxId, caller: Reader) -> Mailbox:
    """One mailbox."""
    context = context_of(request)
    row = await mailboxes.get(context.database, caller.workspace_id, MAILBOX.parse(mailbox_id))
    return await _shown(context, response, row)


@router.put(
    "/{mailbox_id}",
    operation_id="replace_mailbox",
    summary="Replace a mailbox",
    responses=answers(NOT_FOUND, BAD_TRANSPORT, etags.MISMATCH),
)
async def replace_mailbox(
    request: Request,
    response: Response,
    mailbox_id: MailboxId,
    body: MailboxDefinition,
    caller: Writer,
    version: etags.ExpectedVersion,
) -> Mailbox:
    """The whole definition, its secrets too. The name stays. New limits count from the next message on."""
    context = context_of(request)
    number = MAILBOX.parse(mailbox_id)
    row = await mailboxes.edit(
        context.database,
        caller.workspace_id,
        number,
        body,
        version,
        context.keyring.seal,
        caller.actor,
        context.clock(),
    )
    return await _shown(context, response, row)


@router.patch(
    "/{mailbox_id}",
    operation_id="keep_with_mailbox",
    summary="Change what is kept with a mailbox",
    responses=answers(NOT_FOUND),
)
async def keep_with_mailbox(
    request: Request, response: Response, mailbox_id: MailboxId, body: MailboxKept, caller: Writer
) -> Mailbox:
    """Beside what is kept already; all else stays, the secrets too. To change that, replace the mailbox."""
    context = context_of(request)
    place = context.database, caller.workspace_id, MAILBOX.parse(mailbox_id)
    return await _shown(
        context, response, await mailboxes.keep_extra(*place, body.extra, caller.actor, context.clock())
    )


@router.post(
    "/{mailbox_id}/archive", operation_id="archive_mailbox", summary="Take out of use", responses=answers(NOT_FOUND)
)
async def archive_mailbox(request: Request, response: Response, mailbox_id: MailboxId, caller: Writer) -> Mailbox:
    """It sends nothing more; leads whose thread it began wait until it is brought back."""
    return await _archive(request, response, mailbox_id, caller, True)


@router.post(
    "/{mailbox_id}/retire",
    operation_id="retire_mailbox",
    summary="Take out of use where nothing needs it",
    responses=answers(NOT_FOUND, IN_USE),
)
async def retire_mailbox(request: Request, response: Response, mailbox_id: MailboxId, caller: Writer) -> Mailbox:
    """As archiving, but refused while a campaign that is not at an end sends from it."""
    context = context_of(request)
    place = context.database, caller.workspace_id, MAILBOX.parse(mailbox_id)
    return await _shown(context, response, await senders.retire(*place, caller.actor, context.clock()))


@router.post(
    "/{mailbox_id}/unarchive", operation_id="unarchive_mailbox", summary="Bring back", responses=answers(NOT_FOUND)
)
async def unarchive_mailbox(request: Request, response: Response, mailbox_id: MailboxId, caller: Writer) -> Mailbox:
    """It may send again."""
    return await _archive(request, response, mailbox_id, caller, False)


async def _archive(request: Request, response: Response, mailbox_id: str, caller: Caller, archived: bool) -> Mailbox:
    context = context_of(request)
    number = MAILBOX.parse(mailbox_id)
    row = await mailboxes.archive(
        context.database, caller.workspace_id, number, archived, caller.actor, context.clock()
    )
    return await _shown(context, response, row)


async def _shown(context: ApiContext, response: Response, row: MailboxRow) -> Mailbox:
    response.headers[etags.HEADER] = etags.etag(row.version)
    found = await capacity.of_mailboxes(context.database, context.plans, row.workspace_id, [row], context.clock())
    return _view(row, found[row.id])


def _view(row: MailboxRow, today: Capacity) -> Mailbox:
    dkim = mailboxes.published(row)
    return Mailbox(
        id=MAILBOX.show(row.id),
        name=row.name,
        address=row.address,
        has_password=row.secret is not None,
        dkim=Dkim(algorithm=dkim.algorithm, record_name=dkim.name, record=dkim.record, warning=dkim.warning)
        if dkim is not None
        else None,
        archived=row.archived,
        version=row.version,
        definition=dict(row.definition),
        used_today=today.used,
        cap_today=today.cap,
        left_today=today.left,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
