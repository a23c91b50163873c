"""Further addresses of a domain that is there already: a mailbox beside another, over the same server."""

from datetime import datetime

from pydantic import SecretStr

from caesura.domain.addresses import AddressError, parse_address
from caesura.domain.errors import Conflict, Invalid, NotFound, Problem
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.validation import validate
from caesura.service import mailboxes
from caesura.service.keyring import Keyring
from caesura.store import mailboxes as store
from caesura.store import sending as gate
from caesura.store.database import Connection, Database
from caesura.store.mailboxes import MailboxRow


async def add_beside(
    database: Database,
    keyring: Keyring,
    workspace_id: int,
    address: str,
    from_name: str | None,
    reply_to: str | None,
    actor: str,
    now: datetime,
) -> MailboxRow:
    """A mailbox for `address` with the server, password, limits and signature of the oldest one of its domain.

    Raises Invalid for the addresses, NotFound `domain_not_found` where no mailbox has the domain, and Conflict
    `sender_exists` where one has the address.
    """
    try:
        parsed = parse_address(address)
    except AddressError as error:
        raise Invalid.of(Problem(error.code, error.detail, "/address")) from error
    async with database.connection() as connection:
        if await store.by_address(connection, workspace_id, parsed.address):
            raise Conflict("sender_exists", f"there is a mailbox with the address {parsed.address} already")
        beside = await store.of_domain(connection, workspace_id, parsed.domain)
        retired = await store.count_archived(connection, workspace_id, parsed.address)
    if beside is None:
        raise NotFound("domain_not_found", f"no mailbox here sends from {parsed.domain}")
    # Those that were retired keep their names: leads whose thread they began wait for them.
    name = f"{parsed.address} {retired + 1}" if retired else parsed.address
    definition = _definition(beside, keyring, name, parsed.address, from_name, reply_to)
    return await mailboxes.create(database, workspace_id, definition, keyring.seal, actor, now)


async def retire(database: Database, workspace_id: int, mailbox_id: int, actor: str, now: datetime) -> MailboxRow:
    """Takes a mailbox out of use for good. Raises NotFound, and Conflict `mailbox_in_use` while a campaign that is not
    at an end sends from a pool that has it.
    """

    async def work(tx: Connection) -> MailboxRow:
        # Kept before it is looked at: a campaign may be about to start with it.
        row = await store.get(tx, workspace_id, mailbox_id, lock=True)
        if row is None or row.archived:
            raise NotFound("mailbox_not_found", "there is no such mailbox")
        if await store.is_used(tx, workspace_id, mailbox_id):
            raise Conflict("mailbox_in_use", "a campaign that is not at an end sends from this mailbox")
        return await mailboxes.archive_within(tx, row, True, actor, now)

    return await database.run(work, opening=gate.closing_gate(workspace_id))


def _definition(
    beside: MailboxRow, keyring: Keyring, name: str, address: str, from_name: str | None, reply_to: str | None
) -> MailboxDefinition:
    stored = {name: value for name, value in beside.definition.items() if name != "ramp_started_on"}
    stored |= {"name": name, "address": address, "from_name": from_name, "reply_to": reply_to, "extra": {}}
    sealed_for = beside.workspace_id, beside.name
    if beside.secret is not None:
        secret = SecretStr(keyring.open(*sealed_for, beside.secret))
        stored["transport"] = {**stored["transport"], "password": secret}
    if beside.dkim_key is not None and stored.get("dkim"):
        key = SecretStr(keyring.open(*sealed_for, beside.dkim_key, "dkim"))
        stored["dkim"] = {**stored["dkim"], "private_key": key}
    return validate(MailboxDefinition, stored)
