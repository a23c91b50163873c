import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from caesura.domain.errors import Conflict, Invalid, NotFound, Unavailable
from caesura.domain.lead_file import RejectedRow
from caesura.service import campaigns, imports, leads, lists, sending, suppressions
from caesura.service.imports import ImportReport


async def bring(
    world: Any, text: str | bytes, campaign_id: int | None = None, list_id: int | None = None
) -> ImportReport:
    data = text.encode() if isinstance(text, str) else text
    chunks = [data[start : start + 7] for start in range(0, len(data), 7)]
    return await imports.import_leads(*world.key, campaign_id, list_id, chunks, "leads.csv", world.actor, world.now)


async def by_address(world: Any) -> dict[str, Any]:
    return {row.address: row for row in await leads.page(*world.key, None, None, 1000)}


async def staging_is_gone(world: Any) -> bool:
    return not await world.value("select exists (select from pg_class where relname like 'staged%')")


def lines(report: ImportReport) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in report.problems]


AWKWARD = '''\ufeffE-Mail;First Name;company;time zone
anna@example.com;Anna;"Müller; Söhne ""Bau""";Europe/Berlin

not an address;Ben;x;
ANNA@example.com;Other;y;
carla@bücher.example;Carla;"two
lines\\and a \t tab";
dora@example.com;Dora;too;many;cells
emil@example.com;;;Mars/Base
no@example.com;Nobody;;
fritz@shut.example;Fritz;;
'''


async def test_every_row_of_a_file_is_accounted_for(world: Any) -> None:
    campaign_id = await world.campaign()
    await suppressions.suppress_many(*world.key, ["no@example.com", "shut.example"], world.actor, world.now)

    report = await bring(world, AWKWARD, campaign_id)

    assert report == ImportReport(
        rows=8,
        created=4,
        updated=0,
        unchanged=0,
        duplicates=1,
        rejected=3,
        enrolled=2,
        suppressed=2,
        problems=(
            RejectedRow(4, "address_syntax", report.problems[0].detail, "not an address"),
            RejectedRow(5, "duplicate_row", "The same address stands on line 2.", "ANNA@example.com"),
            RejectedRow(8, "too_many_cells", "The row has 5 cells, the header 4.", report.problems[2].value),
            RejectedRow(9, "unknown_time_zone", report.problems[3].detail, "Mars/Base"),
            RejectedRow(10, "suppressed", report.problems[4].detail, "no@example.com"),
            RejectedRow(11, "suppressed", report.problems[5].detail, "fritz@shut.example"),
        ),
    )
    found = await by_address(world)
    assert set(found) == {"anna@example.com", "carla@xn--bcher-kva.example", "no@example.com", "fritz@shut.example"}
    anna, carla = found["anna@example.com"], found["carla@xn--bcher-kva.example"]
    assert (anna.fields, anna.zone) == ({"first_name": "Anna", "company": 'Müller; Söhne "Bau"'}, "Europe/Berlin")
    assert (carla.fields, carla.zone) == ({"first_name": "Carla", "company": "two\nlines\\and a \t tab"}, None)
    assert (carla.domain, carla.address_key) == ("xn--bcher-kva.example", "carla@xn--bcher-kva.example")
    assert (await world.counts(campaign_id))["waiting"] == 2
    assert await staging_is_gone(world)


async def test_a_second_import_of_the_same_file_changes_nothing(world: Any) -> None:
    campaign_id = await world.campaign()
    first = await bring(world, AWKWARD, campaign_id)
    before = await by_address(world)
    world.later(hours=1)
    again = await bring(world, AWKWARD, campaign_id)
    assert (again.rows, again.created, again.updated, again.unchanged) == (8, 0, 0, 4)
    assert (again.duplicates, again.rejected) == (1, 3)
    assert (again.enrolled, again.already_enrolled, again.suppressed) == (0, 4, 0)
    assert lines(again) == lines(first)
    assert await by_address(world) == before
    assert (await world.counts(campaign_id))["waiting"] == 4


async def test_known_leads_get_the_files_fields_beside_their_own(world: Any) -> None:
    campaign_id = await world.campaign()
    await world.enrolled(campaign_id, await world.lead("old@example.com", city="Bonn"))
    known = await world.lead("Known@example.com", city="Bonn", size=3, zone="Europe/Paris")
    world.later(hours=1)
    text = "email,city,street\nknown@example.com,Ulm,\nnew@example.com,Jena,Weg 1\nold@example.com,Bonn,\n"

    report = await bring(world, text, campaign_id)

    assert (report.created, report.updated, report.unchanged) == (1, 1, 1)
    assert (report.enrolled, report.already_enrolled) == (2, 1)
    row = await leads.get(*world.key, known)
    assert (row.address, row.fields, row.zone) == ("Known@example.com", {"city": "Ulm", "size": 3}, "Europe/Paris")
    assert row.updated_at == world.now
    [event] = await world.events("lead.imported")
    assert event["campaign_id"] == campaign_id
    [changed] = await world.events("lead.updated")
    assert (changed["lead_id"], changed["actor"], changed["data"]) == (known, world.actor, {"in_bulk": True})
    assert len(await world.events("campaign.leads_enrolled")) == 2


async def test_leads_are_sent_to_in_the_order_of_the_file(world: Any) -> None:
    campaign_id = await world.running()
    names = [f"{letter}@example.com" for letter in "zmaqbx"]
    await bring(world, "email\n" + "\n".join(names), campaign_id)
    sent = []
    while await world.send(campaign_id, limit=1):
        sent = [row["recipient"] for row in await world.fetch("select recipient from message order by ctid")]
    assert sent == names


async def test_without_a_campaign_leads_are_only_added(world: Any) -> None:
    await suppressions.suppress(*world.key, "b@example.com", world.actor, world.now)
    report = await bring(world, "email\na@example.com\nb@example.com\n")
    assert (report.created, report.enrolled, report.suppressed, report.problems) == (2, 0, 0, ())
    assert await world.value("select count(*) from enrollment") == 0


async def test_with_a_list_all_of_them_are_on_it(world: Any) -> None:
    known = await world.lead("known@example.com")
    list_id = await world.list_of(known)
    report = await bring(world, "email\nknown@example.com\nnew@example.com\nNEW@example.com\n", None, list_id)
    assert (report.listed, report.created, report.duplicates) == (1, 1, 1)
    assert len(await lists.members(*world.key, list_id, None, 10)) == 2


async def test_a_file_without_rows_changes_nothing(world: Any) -> None:
    campaign_id = await world.campaign()
    report = await bring(world, "email,city\n\n", campaign_id)
    assert report == ImportReport(rows=0, created=0, updated=0, unchanged=0, duplicates=0, rejected=0)


async def test_chunks_may_come_asynchronously_and_progress_is_told(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "PIECE_BYTES", 500)
    monkeypatch.setattr(imports, "BLOCK_BYTES", 2_000)
    data = ("email\n" + "\n".join(f"lead{n}@example.com" for n in range(2_000))).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 9_000):
            yield data[start : start + 9_000]
            await asyncio.sleep(0)

    seen: list[int] = []
    report = await imports.import_leads(
        *world.key, None, None, chunks(), "leads.csv", world.actor, world.now, on_progress=seen.append
    )
    assert (report.created, seen[-1], seen) == (2_000, 2_000, sorted(seen))
    assert len(seen) > 10


# ---- all or nothing


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"name,city\na,b\n", "no_address_column", 1),
        (b"email,city,city\n", "duplicate_column", 1),
        (b"email\na@example.com\nb\xff@example.com\n", "wrong_encoding", 3),
        (b"email,x\n" + b"a@example.com,1\n" * 3 + b'b@example.com,"open', "unclosed_quote", 5),
        (b"email,x\na@example.com," + b"y" * 70_000, "field_too_large", 2),
    ],
)
async def test_a_fault_of_the_file_is_told_with_its_line_and_changes_nothing(
    world: Any, monkeypatch: pytest.MonkeyPatch, text: bytes, code: str, line: int | None
) -> None:
    monkeypatch.setattr(imports, "BLOCK_BYTES", 1)
    campaign_id = await world.campaign()
    events = len(await world.events())
    with pytest.raises(Invalid) as caught:
        await bring(world, text, campaign_id)
    [problem] = caught.value.problems
    assert (problem.code, problem.file, problem.line) == (code, "leads.csv", line)
    assert await world.value("select count(*) from lead") == 0
    assert len(await world.events()) == events
    assert await staging_is_gone(world)


async def test_a_file_that_cannot_be_read_to_its_end_changes_nothing(world: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"email\na@example.com\n"
        raise OSError("the disk is gone")

    with pytest.raises(Unavailable) as caught:
        await imports.import_leads(*world.key, None, None, chunks(), "leads.csv", world.actor, world.now)
    assert caught.value.code == "file_unreadable"
    assert await world.value("select count(*) from lead") == 0


async def test_an_import_that_is_cancelled_changes_nothing_and_frees_its_connection(world: Any) -> None:
    never = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"email\na@example.com\n"
        await never.wait()

    for _ in range(8):  # more than the pool has connections
        running = asyncio.create_task(
            imports.import_leads(*world.key, None, None, chunks(), "leads.csv", world.actor, world.now)
        )
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await world.value("select count(*) from lead") == 0
    assert await staging_is_gone(world)


async def test_a_database_that_goes_away_in_the_middle_leaves_nothing_behind(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BLOCK_BYTES", 1)
    campaign_id = await world.campaign()

    async def kill() -> None:
        others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        await world.fetch(f"select pg_terminate_backend(pid) {others}")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"email\na@example.com\nb@example.com\n"
        await kill()
        yield b"c@example.com\n" * 3

    with pytest.raises(Unavailable) as caught:
        await imports.import_leads(*world.key, campaign_id, None, chunks(), "leads.csv", world.actor, world.now)
    assert caught.value.code == "database_unreachable"

    async def enrol(*_: Any, **__: Any) -> int:
        await kill()
        return await original(*_, **__)

    original = imports.store.enrol
    monkeypatch.setattr(imports.store, "enrol", enrol)
    with pytest.raises(Unavailable):
        await bring(world, "email\na@example.com\n", campaign_id)
    monkeypatch.setattr(imports.store, "enrol", original)

    assert await world.value("select count(*) from lead") == 0
    assert (await bring(world, "email\na@example.com\n", campaign_id)).enrolled == 1


async def test_no_transaction_is_open_while_the_file_comes_in(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow upload must not hold up the event log, which waits for every running transaction."""
    monkeypatch.setattr(imports, "BLOCK_BYTES", 1)
    half, go_on = asyncio.Event(), asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"email\na@example.com\nb@example.com\n"
        yield b"c@example.com\n"
        half.set()
        await go_on.wait()

    running = asyncio.create_task(
        imports.import_leads(*world.key, None, None, chunks(), "leads.csv", world.actor, world.now)
    )
    await half.wait()
    query = "select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null"
    assert await world.value(query) == 0
    go_on.set()
    assert (await running).created == 3


# ---- the campaign and its status


async def test_a_campaign_that_takes_no_leads_refuses_the_file(world: Any, stranger: Any) -> None:
    campaign_id = await world.running()
    await world.stop(campaign_id)
    with pytest.raises(Conflict):
        await bring(world, "email\na@example.com\n", campaign_id)
    with pytest.raises(NotFound, match="campaign"):
        await bring(world, "email\na@example.com\n", await stranger.campaign())
    with pytest.raises(NotFound, match="list"):
        await bring(world, "email\na@example.com\n", None, await stranger.list_of())
    assert await world.value("select count(*) from lead") == 0


async def test_a_campaign_that_is_stopped_meanwhile_takes_none_of_the_file(world: Any) -> None:
    campaign_id = await world.running()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"email\na@example.com\n"
        await world.stop(campaign_id)

    with pytest.raises(Conflict):
        await imports.import_leads(*world.key, campaign_id, None, chunks(), "leads.csv", world.actor, world.now)
    assert await world.value("select count(*) from lead") == 0


async def test_a_completed_campaign_runs_again(world: Any) -> None:
    campaign_id = await world.running(steps=1)
    await world.enrolled(campaign_id)
    await world.send(campaign_id)
    await campaigns.complete(*world.key, campaign_id, world.now)
    report = await bring(world, "email\na@example.com\n", campaign_id)
    assert report.reopened
    assert await world.send(campaign_id) == 1


async def test_a_pause_does_not_wait_for_the_file(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = await world.running()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"email\na@example.com\n"
        await world.pause(campaign_id)

    report = await imports.import_leads(*world.key, campaign_id, None, chunks(), "leads.csv", world.actor, world.now)
    assert report.enrolled == 1
    assert await world.send(campaign_id) == 0
    await world.resume(campaign_id)
    assert await world.send(campaign_id) == 1


# ---- leads that were held for what the file brings


async def test_a_lead_that_was_held_for_a_missing_variable_is_tried_afresh(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 2)
    campaign_id = await world.running(steps=[{"subject": "Hello {{ city }}", "text": "Hi"}])
    ids = [await world.lead(f"lead{n}@example.com") for n in range(6)]
    held = await world.enrolled(campaign_id, *ids)
    claim = await world.claim(campaign_id, limit=5)
    plan = await world.plan(campaign_id)
    for_want = [(work.claimed, "missing_variable") for work in claim.work]
    await sending.set_aside(world.database, plan, for_want, world.worker, world.now)
    last = await world.claim(campaign_id)
    assert await world.states(*held) == [("held", "missing_variable")] * 5 + [("claimed", None)]

    text = "email,city\n" + "".join(f"lead{n}@example.com,Ulm\n" for n in (0, 1, 2, 4, 5))
    report = await bring(world, text, campaign_id)

    assert (report.updated, report.enrolled, report.already_enrolled) == (5, 0, 5)
    assert (
        await world.states(*held) == [("waiting", None)] * 3 + [("held", "missing_variable")] + [("waiting", None)] * 2
    )
    assert (await world.mark_claimed(campaign_id, last)).marked == ()
    assert len(await world.events("enrollment.released")) == 4
    await world.counts(campaign_id)


# ---- limits


async def test_the_planner_is_told_of_many_new_rows_before_anyone_sees_them(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no rows known for a workspace, one index is as good as another: looking up one lead would walk them all."""
    monkeypatch.setattr(imports.lead_store, "MANY", 200)
    campaign_id = await world.campaign()

    async def known_after(first: int) -> list[int]:
        await bring(
            world, "email\n" + "\n".join(f"lead{n}@example.com" for n in range(first, first + 200)), campaign_id
        )
        known = await world.fetch("select reltuples::int from pg_class where relname in ('lead', 'enrollment')")
        return [row["reltuples"] for row in known]

    assert await known_after(0) == [200, 200]
    # That takes longer than the import of some thousands, which are no news beside a million.
    await world.fetch("update pg_class set reltuples = 5000 where relname in ('lead', 'enrollment')")
    assert await known_after(200) == [5_000, 5_000]
    await world.fetch("update pg_class set reltuples = 3000 where relname in ('lead', 'enrollment')")
    assert await known_after(400) == [600, 600]


async def test_the_report_lists_a_bounded_number_of_rows_and_counts_all(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = await world.campaign()
    await suppressions.suppress(*world.key, "no@example.com", world.actor, world.now)
    text = "email\nno@example.com\nbad\nworse\na@example.com\na@example.com\nworst\n"
    monkeypatch.setattr(imports, "LISTED", 5)
    whole = await bring(world, text, campaign_id)
    assert (lines(whole)[0], len(whole.problems), whole.truncated) == ((2, "suppressed"), 5, False)
    for limit in range(5):
        monkeypatch.setattr(imports, "LISTED", limit)
        report = await bring(world, text, campaign_id)
        assert (len(report.problems), report.truncated) == (limit, True)
        assert (report.rejected, report.duplicates, report.suppressed) == (3, 1, 1)


async def test_imports_of_the_same_addresses_at_once_add_each_lead_once(world: Any) -> None:
    campaign_id = await world.campaign()
    names = [f"lead{n}@example.com,{n}" for n in range(300)]
    files = ["email,n\n" + "\n".join(some) for some in (names, names[::-1], names[100:] + names[:100])]
    reports = await asyncio.gather(*(bring(world, one, campaign_id) for one in files))
    assert sum(one.created for one in reports) == 300
    assert sum(one.unchanged for one in reports) == 600
    assert sum(one.enrolled for one in reports) == 300
    assert sum(one.already_enrolled for one in reports) == 600
    assert (await world.counts(campaign_id))["waiting"] == 300


async def test_a_lead_that_is_deleted_while_the_rows_go_in_is_added_again(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await world.lead("known@example.com")
    original = imports.store.find_repeated
    tries = []

    async def find_repeated(*values: Any) -> int:
        tries.append(values)
        if len(tries) == 1:
            await leads.delete(*world.key, known, world.actor, world.now)
        return await original(*values)

    monkeypatch.setattr(imports.store, "find_repeated", find_repeated)
    report = await bring(world, "email\nknown@example.com\nnew@example.com\n")
    assert (len(tries), report.created, report.unchanged) == (2, 2, 0)
    assert len(await by_address(world)) == 2


async def test_an_import_and_single_changes_of_the_same_leads_do_not_harm_each_other(world: Any) -> None:
    given = [leads.LeadInput(f"lead{n}@example.com", {"n": n}) for n in range(200)]
    text = "email,m\n" + "\n".join(f"lead{n}@example.com,{n}" for n in range(199, -1, -1))
    await asyncio.gather(
        bring(world, text), leads.save_many(*world.key, given, False, world.actor, world.now), bring(world, text)
    )
    found = await by_address(world)
    assert len(found) == 200
    assert all(row.fields == {"n": int(row.fields["m"]), "m": row.fields["m"]} for row in found.values())
