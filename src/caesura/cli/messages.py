"""`messages` and `settle`: the ledger to be read, and a person's word where an outcome is not known."""

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, CampaignArgument, DataDir, Workspace
from caesura.domain.errors import NotFound
from caesura.domain.lifecycle import MessageState

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.store.messages import MessageRow

_PAGE = 1_000
_SHOWN = 50
_ID = re.compile(r"msg_([1-9][0-9]{0,17})_([1-9][0-9]{0,3})")


def messages(
    campaign: CampaignArgument,
    state: Annotated[
        MessageState | None, typer.Option(show_default=False, help="Only those in this state, such as unknown.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="At most so many. Default: 50; with --json, all.")
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Read a campaign's ledger.

    It has one row for each step to each lead: where it stands, when, and what the server said.
    """
    from caesura.cli import output
    from caesura.cli.session import work

    if as_json:
        work(data_dir, workspace, lambda session: output.write_json_list(_messages(session, campaign, state, limit)))
        return

    most = limit or _SHOWN

    async def action(session: "Session") -> list[dict[str, Any]]:
        return [message async for message in _messages(session, campaign, state, most + 1)]

    found = work(data_dir, workspace, action)
    names = ("id", "step", "recipient", "sender", "state", "cause", "settled_at", "reply")
    shown = [
        tuple(output.instant(one[name]) if name == "settled_at" and one[name] else one[name] for name in names)
        for one in found
    ]
    output.show_first(most, ("ID", "STEP", "TO", "FROM", "STATE", "CAUSE", "SETTLED", "REPLY"), shown)


async def _messages(
    session: "Session", campaign: str, state: MessageState | None, limit: int | None
) -> AsyncIterator[dict[str, Any]]:
    from caesura.service import mailboxes, messages

    key = session.database, session.workspace_id
    row = await session.campaign(campaign)
    addresses: dict[int, str] = {}
    left, after = limit, None
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        page = await messages.page(*key, row.id, state, after, size)
        for message in page:
            mailbox = message.mailbox_id
            if mailbox is not None and mailbox not in addresses:
                addresses[mailbox] = (await mailboxes.get(*key, mailbox)).address
            yield _as_json(message, addresses.get(mailbox) if mailbox is not None else None)
        if len(page) < size:
            return
        after = page[-1].position
        left = None if left is None else left - len(page)


def _as_json(message: "MessageRow", sender: str | None) -> dict[str, Any]:
    return {
        "id": f"msg_{message.enrollment_id}_{message.step}",
        "enrollment_id": f"enr_{message.enrollment_id}",
        "lead_id": f"led_{message.lead_id}",
        "step": message.step,
        "variant": message.variant,
        "state": message.state,
        "cause": message.cause,
        "message_id": message.message_id,
        "sender": sender,
        "recipient": message.recipient,
        "subject": message.subject,
        "attempt": message.attempt,
        "marked_at": message.marked_at,
        "settled_at": message.settled_at,
        "stage": message.stage,
        "reply_code": message.reply_code,
        "reply": message.reply,
    }


def settle(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", show_default=False, help="Its id, such as msg_7_2.")],
    sent: Annotated[
        bool, typer.Option("--sent/--not-sent", show_default=False, help="Whether it arrived, as you found out.")
    ],
    workspace: Workspace = DEFAULT_WORKSPACE,
    data_dir: DataDir = None,
) -> None:
    """Settle a message of unknown outcome.

    It was sent, or it was not; it is not sent again either way.

    A lead that was held for it goes on with the next step.
    """
    from caesura.cli import output
    from caesura.cli.session import work

    named = _ID.fullmatch(message)
    if named is None:
        raise NotFound("message_not_found", f"{message!r} is not a message: its id is such as msg_7_2")
    enrollment, step = int(named[1]), int(named[2])

    async def action(session: "Session") -> None:
        from caesura.service.recovery import settle_unknown

        await settle_unknown(
            session.database,
            session.engine.plans,
            session.workspace_id,
            enrollment,
            step,
            sent,
            session.actor,
            session.now(),
        )

    work(data_dir, workspace, action)
    output.say(f"{message} counts as {'sent' if sent else 'not sent'} from now on")
