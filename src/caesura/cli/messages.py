"""`settle`: a person's word on a message whose outcome is not known."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, DataDir, Workspace
from caesura.domain.errors import NotFound

if TYPE_CHECKING:
    from caesura.cli.session import Session

_ID = re.compile(r"msg_([1-9][0-9]{0,17})_([1-9][0-9]{0,3})")


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
