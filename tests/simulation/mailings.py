"""Somebody sends single mailings: a message to a few, with files, and with copies to others."""

from random import Random
from typing import TYPE_CHECKING

from caesura.domain.definition import read_definition
from caesura.domain.enclosures import Attachment, CopyDefinition, read_copies
from caesura.domain.lead_entry import LeadInput
from caesura.service import mailings, suppressions
from simulation.parameters import MailingParameters
from simulation.timeline import Event

if TYPE_CHECKING:
    from simulation.world import World

_NEW = "select id, name from campaign where kind = 'single' and id <> all($1::bigint[]) order by id"


def plan(world: "World", seconds: float) -> None:
    """Puts this seed's mailings on the timeline, within so many seconds from now."""
    for one in world.parameters.mailings:

        async def send(mailing: MailingParameters = one) -> None:
            await world.people.attempt("send", lambda: _send(world, mailing))

        world.later(one.when * seconds, Event("send", "people", send, True))


async def _send(world: "World", mailing: MailingParameters) -> None:
    leads = [world.parameters.leads[place] for place in mailing.recipients]
    given = [LeadInput(lead.address, lead.fields, lead.zone) for lead in leads]
    copies = {}
    for place, several in mailing.copies.items():
        seen, hidden = (
            [CopyDefinition(address=one) for one in several if several[one] is kind] for kind in (False, True)
        )
        copies[place] = read_copies(seen, hidden, leads[place].address)
    files = [Attachment(name, "text/plain", content) for name, content in mailing.files.items()]
    content = read_definition(mailing.definition)
    before, now = world.database.commits, world.timeline.clock()
    try:
        enclosed = mailings.Enclosures(files, copies)
        await mailings.send(world.database, world.workspace, content, given, None, "person", now, enclosed)
    finally:
        # Cut short, it may be there all the same.
        known = dict(await world.database.monitor.fetch(_NEW, world.campaign_ids))
        for campaign, name in known.items():
            assert name == mailing.definition["name"]
            world.knows_mailing(campaign, mailing, before)
        await world.learn_enrollments()
    world.note("people send", *known.values(), "with", len(files), "files")
    world.wake_all()
    _plan_a_barrier(world, mailing)


def _plan_a_barrier(world: "World", mailing: MailingParameters) -> None:
    """Somebody who is to get a copy is held or suppressed, in some of the worlds, while the mailing goes out."""
    random = Random(f"{world.parameters.seed}/barriers of {mailing.definition['name']}")
    addresses = sorted({address for several in mailing.copies.values() for address in several})
    if not addresses or random.random() < 0.4:
        return
    address = random.choice(addresses)
    leads = [one.lead for one in world.leads() if one.address == address]
    kind = random.choice(("lead", "lead", "domain", "suppress"))

    async def act() -> None:
        now = world.timeline.clock()
        if kind == "suppress":
            await suppressions.suppress(world.database, world.workspace, address, "person", now)
        else:
            level, subject = (
                ("lead", str(leads[0])) if leads and kind == "lead" else ("domain", address.rpartition("@")[2])
            )
            await world.place_hold(level, subject, "manual", "person", None, now)
        world.hint(None)

    event = Event("bar a copy", "people", lambda: world.people.attempt("bar a copy", act), True)
    world.later(random.choice((0.0, 0.01, 1.0, 60.0)), event)
