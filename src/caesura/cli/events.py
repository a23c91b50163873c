"""`events`: the newest entries of the log."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, DataDir, Workspace

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.service.events import Event

_MOST = 1_000
_DATA_WIDTH = 100


def events(
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="[CAMPAIGN]", show_default=False, help="Only those of this campaign, by name or id. Default: all."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="So many of the newest.")] = 50,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Read what happened last, and who did it.

    These are the newest entries of the log, the newest at the bottom. The API has all of it, to be followed.

    Example: caesura events Spring --limit 20
    """
    from caesura.cli import output
    from caesura.cli.session import work

    async def action(session: "Session") -> "list[tuple[Event, str]]":
        from caesura.service import events

        key = session.database, session.workspace_id
        number = None if campaign is None else (await session.campaign(campaign)).id
        found = await events.latest(*key, number, limit)
        names = _Names(session)
        return [(one, "" if as_json else await names.about(one)) for one in found]

    found = work(data_dir, workspace, action)
    if as_json:
        output.show_json([_as_json(one) for one, _ in found])
        return
    shown = [(output.instant(one.at), one.kind, one.actor, about, _data(one)) for one, about in found]
    output.show_table(("AT", "KIND", "BY", "ABOUT", "DATA"), shown)


class _Names:
    """What events are about, in the words of people; each is looked up once."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._known: dict[tuple[str, int], str] = {}

    async def about(self, event: "Event") -> str:
        """The lead and its step, the mailbox and the campaign of an event."""
        parts = [
            await self._name("lead", "led_", event.lead_id),
            f"step {event.step}" if event.step is not None else None,
            await self._name("mailbox", "mbx_", event.mailbox_id),
            await self._name("campaign", "cmp_", event.campaign_id),
        ]
        return ", ".join(part for part in parts if part is not None)

    async def _name(self, level: str, prefix: str, number: int | None) -> str | None:
        from caesura.cli.holds import name_of
        from caesura.domain.errors import NotFound

        if number is None:
            return None
        if (level, number) not in self._known:
            try:
                self._known[level, number] = await name_of(self._session, level, str(number))
            except NotFound:  # it was deleted since
                self._known[level, number] = f"{prefix}{number}"
        return self._known[level, number]


def _data(event: "Event") -> str:
    from caesura.cli.output import cut

    return cut(", ".join(f"{name} {value}" for name, value in event.data.items() if value is not None), _DATA_WIDTH)


def _as_json(event: "Event") -> dict[str, Any]:
    """As the native API has it."""

    def named(prefix: str, number: int | None) -> str | None:
        return None if number is None else f"{prefix}{number}"

    return {
        "id": f"evt_{event.id}",
        "at": event.at,
        "kind": event.kind,
        "actor": event.actor,
        "campaign_id": named("cmp_", event.campaign_id),
        "enrollment_id": named("enr_", event.enrollment_id),
        "lead_id": named("led_", event.lead_id),
        "mailbox_id": named("mbx_", event.mailbox_id),
        "step": event.step,
        "data": event.data,
    }
