"""Campaigns and mailboxes, compiled for sending and kept by version: an edit makes a new version."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from caesura.domain.compose import CompiledVariant, compile_variant
from caesura.domain.definition import CampaignDefinition, StepDefinition, read_definition
from caesura.domain.definition_types import WindowItem
from caesura.domain.dkim import Signing, read_key
from caesura.domain.enclosures import bytes_in_message
from caesura.domain.errors import Invalid, NotFound, Unavailable
from caesura.domain.mailbox_definition import MailboxDefinition
from caesura.domain.pacing import CampaignLimits, MailboxLimits, Ramp, parse_growth, postponed
from caesura.domain.plan import CampaignPlan, MailboxPlan, Step, Transport
from caesura.domain.sequence import StepRule
from caesura.domain.templates import compile_condition
from caesura.domain.validation import validate
from caesura.domain.windows import Window, local_day, parse_window
from caesura.store import campaigns as campaign_store
from caesura.store import enclosures
from caesura.store import mailboxes as mailbox_store
from caesura.store.campaigns import CampaignRow
from caesura.store.database import Connection
from caesura.store.mailboxes import MailboxRow

# Plans kept at once; the least recently used go first. A plan with its templates is some tens of kB.
CAMPAIGNS = 500
MAILBOXES = 20_000


class Unsealer(Protocol):
    """Opens the secrets of mailboxes."""

    def open(self, workspace_id: int, name: str, sealed: bytes, purpose: str = ..., /) -> str:
        """The password or token of mailbox `name`, or for the purpose `dkim` its key, in PEM.

        Raises Unavailable when no key fits.
        """
        ...


class Plans:
    """A cache of plans, one in each process. Not for use by several threads."""

    def __init__(self, unsealer: Unsealer) -> None:
        self._unsealer = unsealer
        self._campaigns: dict[tuple[int, int], CampaignPlan] = {}
        self._mailboxes: dict[tuple[int, int], MailboxPlan] = {}

    async def campaign(
        self, tx: Connection, workspace_id: int, campaign_id: int, version: int | None = None
    ) -> CampaignPlan:
        """The plan of the campaign's present version, which is asked for unless the caller knows it.

        Raises NotFound, and Invalid for content that was never valid.
        """
        key = (workspace_id, campaign_id)
        plan = self._campaigns.pop(key, None)
        if plan is None or plan.version != version:
            row = await campaign_store.get(tx, workspace_id, campaign_id)
            if row is None:
                raise NotFound("campaign_not_found", "there is no such campaign")
            if plan is None or plan.version != row.version:
                plan = campaign_plan(row, await campaign_store.steps(tx, workspace_id, campaign_id))
                if row.kind == "single":
                    plan = await self._with_enclosures(tx, plan)
        self._campaigns[key] = plan
        _forget(self._campaigns, CAMPAIGNS)
        return plan

    @staticmethod
    async def _with_enclosures(tx: Connection, plan: CampaignPlan) -> CampaignPlan:
        key = (plan.workspace_id, plan.campaign_id)
        size = bytes_in_message(*await enclosures.size_of_files(tx, *key))
        return replace(plan, file_bytes=size, copies=await enclosures.copies(tx, *key))

    async def mailboxes(
        self, tx: Connection, workspace_id: int, versions: Iterable[tuple[int, int]]
    ) -> dict[int, MailboxPlan]:
        """The plans of these (mailbox, version) pairs by mailbox."""
        known: dict[int, MailboxPlan] = {}
        missing: list[int] = []
        for mailbox_id, version in versions:
            plan = self._mailboxes.get((workspace_id, mailbox_id))
            if plan is not None and plan.version == version:
                known[mailbox_id] = plan
            else:
                missing.append(mailbox_id)
        if missing:
            for row in await mailbox_store.several(tx, workspace_id, missing):
                known[row.id] = mailbox_plan(row, self._unsealer)
                self._mailboxes[(workspace_id, row.id)] = known[row.id]
            _forget(self._mailboxes, MAILBOXES)
        return known

    async def mailboxes_by_id(
        self, tx: Connection, workspace_id: int, mailbox_ids: Collection[int]
    ) -> dict[int, MailboxPlan]:
        """The plans of the present versions of these mailboxes."""
        if not mailbox_ids:
            return {}
        return await self.mailboxes(
            tx, workspace_id, await mailbox_store.versions(tx, workspace_id, sorted(mailbox_ids))
        )


def _forget(cache: dict[Any, Any], limit: int) -> None:
    while len(cache) > limit:
        del cache[next(iter(cache))]


def definition_of(row: CampaignRow, steps: Sequence[Mapping[str, Any]], pool: str | None = None) -> CampaignDefinition:
    """The definition that a campaign's rows were written from; `pool` is the pool's name."""
    stored = dict(row.definition) | {"name": row.name, "steps": list(steps), "pool": pool}
    return read_definition(stored)


def campaign_plan(row: CampaignRow, steps: Sequence[Mapping[str, Any]]) -> CampaignPlan:
    """Compiles a campaign. Raises Invalid where a template or a condition is wrong."""
    definition = definition_of(row, steps)
    zone = ZoneInfo(definition.zone)
    unsubscribe = definition.unsubscribe
    return CampaignPlan(
        workspace_id=row.workspace_id,
        campaign_id=row.id,
        version=row.version,
        timing=row.timing,
        steps=compile_steps(definition.steps),
        limits=_campaign_limits(definition, zone),
        window=_window(definition.windows, "/windows"),
        zone=zone,
        lead_zone=definition.window_zone == "lead",
        hold_unknown=definition.on_unknown == "hold",
        defaults=definition.defaults,
        unsubscribe_url=unsubscribe.url if unsubscribe else None,
        unsubscribe_mailto=unsubscribe.mailto if unsubscribe else None,
        from_name=definition.from_name,
        reply_to=definition.reply_to,
        headers=tuple((one.name, one.value) for one in definition.headers),
    )


def compile_steps(steps: Sequence[StepDefinition]) -> tuple[Step, ...]:
    """Compiles every variant and condition. Raises Invalid with the pointer of what is wrong."""
    return tuple(_compile_step(step, place) for place, step in enumerate(steps))


def _compile_step(step: StepDefinition, place: int) -> Step:
    pointer = f"/steps/{place}"
    condition = compile_condition(step.condition, f"{pointer}/condition") if step.condition else None
    weights = tuple(variant.weight for variant in step.variants)
    variants: list[CompiledVariant] = [
        compile_variant(variant.subject, variant.html, variant.text, f"{pointer}/variants/{number}")
        for number, variant in enumerate(step.variants)
    ]
    window = _window(step.windows, f"{pointer}/windows") if step.windows else None
    rule = StepRule(step.delay, step.send_at, condition, weights, window)
    return Step(rule, step.thread, tuple(variants), step.answers)


def _window(items: Sequence[WindowItem], pointer: str) -> Window:
    return parse_window([item.model_dump(mode="json") for item in items], pointer)


def _campaign_limits(definition: CampaignDefinition, zone: ZoneInfo) -> CampaignLimits:
    limits = definition.limits
    gradual = _ramp(limits.gradual, date.min) if limits.gradual is not None else None
    return CampaignLimits(zone, limits.daily_new, limits.daily_total, gradual, limits.gap_seconds)


def _ramp(growth: Any, started_on: date) -> Ramp:
    item = growth.model_dump(mode="json", exclude_none=True)
    rise = {name: item[name] for name in ("factor", "add") if name in item}
    return Ramp(item["start"], parse_growth(rise, "/ramp"), item.get("ceiling"), started_on)


def mailbox_plan(row: MailboxRow, unsealer: Unsealer) -> MailboxPlan:
    """Prepares a mailbox for sending, even one whose secret cannot be opened: the plan says so.

    `ramp_started_on` stands beside its definition: the day its ramp began.
    """
    stored = dict(row.definition)
    began = stored.pop("ramp_started_on", None)
    secret, unreadable = _opened(row, unsealer)
    signing, unsigned = _signing(row, stored.pop("dkim", None), unsealer)
    # That there is one is all that the definition asks for: what it is was looked at when it was set.
    stored["transport"] = {**stored["transport"], "password": None if row.secret is None else "sealed"}
    definition = validate(MailboxDefinition, stored)
    limits, transport = definition.limits, definition.transport
    zone = ZoneInfo(definition.zone)
    started_on = date.fromisoformat(began) if began else local_day(zone, row.created_at)
    return MailboxPlan(
        mailbox_id=row.id,
        version=row.version,
        address=row.address,
        from_name=definition.from_name,
        reply_to=definition.reply_to,
        limits=MailboxLimits(
            zone=zone,
            daily_cap=limits.daily_cap,
            gap_seconds=limits.gap_seconds,
            jitter_seconds=limits.jitter_seconds,
            rate_per_second=limits.rate_per_second,
            connections=limits.connections,
            ramp=_ramp(limits.ramp, started_on) if limits.ramp is not None else None,
        ),
        window=_window(definition.windows, "/windows"),
        transport=Transport(
            transport.host,
            transport.port,
            transport.tls,
            transport.username,
            secret,
            transport.auth,
            transport.allow_insecure,
            unreadable or unsigned,
        ),
        signing=signing,
    )


def _opened(row: MailboxRow, unsealer: Unsealer) -> tuple[str | None, str | None]:
    """A mailbox's secret, and why it cannot be read: one lost key must not stop the mailboxes beside it."""
    if row.secret is None:
        return None, None
    try:
        return unsealer.open(row.workspace_id, row.name, row.secret), None
    except Unavailable as error:
        return None, error.detail


def _signing(
    row: MailboxRow, stored: Mapping[str, str] | None, unsealer: Unsealer
) -> tuple[Signing | None, str | None]:
    """How a mailbox signs, and why it cannot, though it should: nothing may go out unsigned in silence."""
    if stored is None:
        return None, None
    if row.dkim_key is None:
        return None, "the key for DKIM is missing"
    try:
        pem = unsealer.open(row.workspace_id, row.name, row.dkim_key, "dkim")
        return Signing(stored["domain"], stored["selector"], read_key(pem)), None
    except (Unavailable, Invalid) as error:
        return None, f"the key for DKIM cannot be read: {error.detail}"


def begun(limits: CampaignLimits, started_at: datetime | None, pause_days: int, now: datetime) -> CampaignLimits:
    """The limits with the gradual mode counted from the campaign's start, its frozen pauses left out."""
    if limits.gradual is None:
        return limits
    ramp = replace(limits.gradual, started_on=local_day(limits.zone, started_at or now))
    return replace(limits, gradual=postponed(ramp, pause_days))
