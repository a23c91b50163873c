"""The judgement at the end of a world: what truly happened against what is promised."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from simulation import copy_checks, gate_checks, ledger_checks, pacing_checks, wire_checks
from simulation.history import Violation

if TYPE_CHECKING:
    from simulation.world import World

Check = Callable[["World"], Iterator[Violation]]

CHECKS: tuple[Check, ...] = (
    gate_checks.nothing_passes_a_barrier,
    gate_checks.nothing_is_marked_while_not_running,
    gate_checks.nothing_edited_goes_out,
    gate_checks.only_asked_releases_happen,
    gate_checks.only_what_fell_due_in_a_pause_is_overdue,
    wire_checks.everything_arrives_once,
    wire_checks.what_arrives_was_marked_and_is_whole,
    wire_checks.follow_ups_stay_with_their_mailbox_and_thread,
    wire_checks.ids_do_not_change,
    ledger_checks.outcomes_are_true,
    ledger_checks.unknown_is_never_sent_again,
    ledger_checks.refusals_are_heeded,
    pacing_checks.windows_are_kept,
    pacing_checks.daily_limits_are_kept,
    pacing_checks.campaign_quotas_are_kept,
    pacing_checks.gaps_are_kept,
    pacing_checks.campaign_gaps_are_kept,
    pacing_checks.rates_are_kept,
    pacing_checks.delays_are_kept,
    pacing_checks.retries_wait,
    pacing_checks.conditions_and_dates_are_kept,
)


async def judge(world: "World", is_whole: bool) -> list[Violation]:
    """Every violation; what must hold at the end only if the world came to its end."""
    violations = [violation for check in CHECKS for violation in check(world)]
    violations += await ledger_checks.counters_are_exact(world)
    violations += await ledger_checks.each_message_is_in_one_place(world)
    violations += await copy_checks.mailings_are_whole(world)
    violations += await gate_checks.clocks_are_offset_by_frozen_pauses(world)
    if is_whole:
        violations += await ledger_checks.everyone_came_to_an_end(world)
    return violations
