"""What a person may say of messages whose fate is unknown."""

import pytest

from caesura.domain.delivery import Kind
from caesura.domain.errors import Conflict, NotFound
from caesura.service import enrollments, recovery


async def settle(engine, enrollment_id: int, step: int = 1) -> None:
    place = (engine.workspace, enrollment_id, step)
    await recovery.settle_unknown(engine.database, engine.plans, *place, True, "test", engine.now)


async def test_settling_a_message_that_is_not_unknown_is_a_conflict_that_names_its_state(engine) -> None:
    await engine.build(leads=1)
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.ACCEPTED)
    [one] = answer.marked
    with pytest.raises(Conflict) as refused:
        await settle(engine, one.enrollment_id)
    assert (refused.value.code, refused.value.state, refused.value.allowed) == ("message_not_unknown", "sent", ())
    with pytest.raises(NotFound):
        await settle(engine, one.enrollment_id, 2)


async def test_a_lead_that_is_held_for_an_unknown_message_allows_what_settles_it(engine) -> None:
    await engine.build(leads=1, on_unknown="hold")
    answer = await engine.mark(await engine.claim())
    await engine.record(answer.marked, Kind.UNKNOWN)
    [one] = answer.marked
    for verb in (enrollments.hold, enrollments.release):
        with pytest.raises(Conflict) as refused:
            await verb(engine.database, engine.workspace, one.enrollment_id, "test", engine.now)
        assert (refused.value.state, refused.value.allowed) == ("held", ("settle", "stop"))
