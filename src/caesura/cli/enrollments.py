"""`leads list`, `leads show`, `leads enrol` and `leads stop`: leads in campaigns."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caesura.cli.options import DEFAULT_WORKSPACE, AsJson, CampaignArgument, DataDir, Workspace
from caesura.domain.lifecycle import EnrollmentState

if TYPE_CHECKING:
    from caesura.cli.session import Session
    from caesura.service.enrollments import Enrolment
    from caesura.store.enrollments import EnrollmentRow
    from caesura.store.leads import LeadRow

app = typer.Typer()

_PAGE = 1_000
_SHOWN = 50
_VALUE_WIDTH = 200

LeadArgument = Annotated[
    str, typer.Argument(metavar="LEAD", show_default=False, help="A lead's address, or its id such as led_5.")
]


@app.command("list")
def list_leads(
    campaign: CampaignArgument,
    state: Annotated[EnrollmentState | None, typer.Option(show_default=False, help="Only those in this state.")] = None,
    cause: Annotated[
        str | None,
        typer.Option(
            metavar="CAUSE", show_default=False, help="Only those held or stopped for this, such as overdue_review."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="At most so many. Default: 50; with --json, all.")
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List a campaign's leads.

    With the next step of each, when it is due, from which mailbox, and what keeps it back.

    Example: caesura leads list Spring --state held
    """
    from caesura.cli import output
    from caesura.cli.session import work

    if as_json:
        work(
            data_dir,
            workspace,
            lambda session: output.write_json_list(_enrollments(session, campaign, state, cause, limit)),
        )
        return

    most = limit or _SHOWN

    async def action(session: "Session") -> list[dict[str, Any]]:
        return [one async for one in _enrollments(session, campaign, state, cause, most + 1)]

    shown = [(one["address"], *_standing(one)) for one in work(data_dir, workspace, action)]
    output.show_first(most, ("ADDRESS", "STATE", "CAUSE", "STEP", "DUE", "FROM"), shown, right=("STEP",))


@app.command()
def show(
    lead: LeadArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show a lead, and where it stands in its campaigns.

    Example: caesura leads show ada@example.com
    """
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> "tuple[LeadRow, list[dict[str, Any]]]":
        from caesura.service import enrollments

        row = await naming.lead_of(session, lead)
        found = await enrollments.of_lead(session.database, session.workspace_id, row.id)
        return row, await _Standings(session).of(found)

    row, campaigns = work(data_dir, workspace, action)
    if as_json:
        names = ("address", "fields", "zone", "created_at", "updated_at")
        shown = {"id": f"led_{row.id}", **{name: getattr(row, name) for name in names}}
        output.show_json({**shown, "enrollments": campaigns})
        return
    pairs: list[tuple[str, object]] = [
        ("lead", f"{row.address} (led_{row.id})"),
        ("zone", row.zone),
        ("since", output.instant(row.created_at)),
        ("changed", output.instant(row.updated_at)),
    ]
    fields = [(f"  {name}", output.cut(str(value), _VALUE_WIDTH)) for name, value in sorted(row.fields.items())]
    output.show_pairs([*pairs, ("fields", len(fields) or "none"), *fields])
    if not campaigns:
        output.say("It is in no campaign.")
        return
    print()
    rows = [(one["campaign"], *_standing(one)) for one in campaigns]
    output.show_table(("CAMPAIGN", "STATE", "CAUSE", "STEP", "DUE", "FROM"), rows, right=("STEP",))


@app.command()
def enrol(
    campaign: CampaignArgument,
    named: Annotated[
        str, typer.Option("--list", metavar="LIST", show_default=False, help="Everyone on this list, by name or id.")
    ],
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Enrol everyone on a list in a campaign.

    Nobody is enrolled twice, and who is suppressed is not enrolled. If it is cut short, run it again.

    Example: caesura leads enrol Spring --list customers
    """
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> "tuple[str, Enrolment]":
        from caesura.service import audiences

        row = await session.campaign(campaign)
        found = await naming.list_of(session, named)
        key = session.database, session.workspace_id, row.id
        return row.name, await audiences.enrol_list(*key, found.id, session.actor, session.now())

    name, done = work(data_dir, workspace, action)
    counts = {"enrolled": done.enrolled, "already_enrolled": done.already_enrolled, "suppressed": done.suppressed}
    if as_json:
        output.show_json({**counts, "reopened": done.reopened})
        return
    words = {"enrolled": "enrolled", "already_enrolled": "enrolled before", "suppressed": "suppressed"}
    parts = [f"{output.number(count)} {words[kind]}" for kind, count in counts.items() if count]
    output.say(f"in {output.clean(name)}: {', '.join(parts) or 'nobody: the list is empty'}")
    if done.reopened:
        output.say("The campaign was completed, and runs again.")


@app.command()
def stop(
    campaign: CampaignArgument,
    lead: LeadArgument,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Take one lead out of a campaign, for good.

    Once this returns, nothing more of the campaign goes out to it; a message in transit at that moment arrives. Other
    campaigns may still write to it.

    Example: caesura leads stop Spring ada@example.com
    """
    from caesura.cli import naming, output
    from caesura.cli.session import work

    async def action(session: "Session") -> dict[str, Any]:
        from caesura.service import enrollments

        found = await naming.enrollment_of(session, await session.campaign(campaign), lead)
        key = session.database, session.workspace_id
        row = await enrollments.stop(*key, found.id, session.actor, session.now())
        [one] = await _Standings(session).of([row])
        return one

    one = work(data_dir, workspace, action)
    if as_json:
        output.show_json(one)
    else:
        output.say(f"{one['address']} is stopped in {output.clean(one['campaign'])} ({one['cause']})")


async def _enrollments(
    session: "Session", campaign: str, state: EnrollmentState | None, cause: str | None, limit: int | None
) -> AsyncIterator[dict[str, Any]]:
    from caesura.service import enrollments

    row = await session.campaign(campaign)
    standings = _Standings(session)
    left, above = limit, None
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        page = await enrollments.page(session.database, session.workspace_id, row.id, above, state, cause, size)
        for one in await standings.of(page):
            yield one
        if len(page) < size:
            return
        above = page[-1].lead_id
        left = None if left is None else left - len(page)


class _Standings:
    """Enrollments as the native API shows them, with the names of campaigns and the addresses of mailboxes."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._senders: dict[int, str] = {}

    async def of(self, rows: "Sequence[EnrollmentRow]") -> list[dict[str, Any]]:
        """These enrollments. Clocks are read for each call: a pause may come in between."""
        from caesura.service import definitions, mailboxes

        key = self._session.database, self._session.workspace_id
        campaigns = {one: (await definitions.get(*key, one)).row for one in {row.campaign_id for row in rows}}
        for one in {row.mailbox_id for row in rows if row.mailbox_id is not None} - self._senders.keys():
            self._senders[one] = (await mailboxes.get(*key, one)).address
        shown = []
        for row in rows:
            campaign = campaigns[row.campaign_id]
            due_at, due_in = row.due(campaign.clock, self._session.now())
            names = ("address", "state", "cause", "step", "not_before", "wait_reason", "enrolled_at", "updated_at")
            shown.append(
                {
                    "id": f"enr_{row.id}",
                    "campaign_id": f"cmp_{row.campaign_id}",
                    "campaign": campaign.name,
                    "lead_id": f"led_{row.lead_id}",
                    **{name: getattr(row, name) for name in names},
                    "due_at": due_at,
                    "due_in": due_in,
                    "mailbox_id": f"mbx_{row.mailbox_id}" if row.mailbox_id is not None else None,
                    "sender": self._senders[row.mailbox_id] if row.mailbox_id is not None else None,
                }
            )
        return shown


def _standing(one: dict[str, Any]) -> tuple[object, ...]:
    """State, cause, step, due and sender, as columns."""
    from caesura.cli.output import duration, instant

    if one["due_at"] is not None:
        due = instant(one["due_at"])
    elif one["due_in"] is not None:
        due = f"{duration(one['due_in'])} after a resume" if one["due_in"] else "at a resume"
    else:
        due = None
    return one["state"], one["cause"] or one["wait_reason"], one["step"], due, one["sender"]
