"""A campaign and its mailboxes in the form that sending asks for: parsed, compiled, ready to be reckoned with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from caesura.domain.compose import CompiledVariant
from caesura.domain.dkim import Signing
from caesura.domain.enclosures import Copy
from caesura.domain.pacing import CampaignLimits, MailboxLimits
from caesura.domain.sequence import StepRule
from caesura.domain.windows import Window


@dataclass(frozen=True, slots=True)
class Step:
    """A step: when it goes out, and its compiled variants. `answers`: the thread that it goes into, its newest last."""

    rule: StepRule
    thread: bool
    variants: tuple[CompiledVariant, ...]
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One version of a campaign's content and limits. `timing` counts those with other windows, zones or dates.

    `lead_zone`: the window is read in the lead's own zone. `from_name` and `reply_to` go before the mailbox's.
    `headers`, as (name, value), are the campaign's own. `file_bytes` is what the files of a message take in it, 0
    without any; `copies` are those of single enrollments.
    """

    workspace_id: int
    campaign_id: int
    version: int
    timing: int
    steps: tuple[Step, ...]
    limits: CampaignLimits
    window: Window
    zone: ZoneInfo
    lead_zone: bool
    hold_unknown: bool
    defaults: Mapping[str, str]
    unsubscribe_url: str | None
    unsubscribe_mailto: str | None
    from_name: str | None
    reply_to: str | None
    headers: tuple[tuple[str, str], ...] = ()
    file_bytes: int = 0
    copies: Mapping[int, tuple[Copy, ...]] = field(default_factory=dict)

    @property
    def is_paced(self) -> bool:
        """Whether a mark has to reckon with its own quotas or gap at all."""
        limits = self.limits
        return (
            limits.daily_new is not None
            or limits.daily_total is not None
            or limits.gradual is not None
            or limits.gap_seconds > 0
        )

    @property
    def is_windowed_by_lead(self) -> bool:
        """Whether each lead has to be asked on its own if its window is open: there is none for all of the campaign."""
        return self.lead_zone or any(step.rule.window is not None for step in self.steps)

    @property
    def rules(self) -> tuple[StepRule, ...]:
        """The steps' rules, in order."""
        return tuple(step.rule for step in self.steps)


@dataclass(frozen=True, slots=True)
class Transport:
    """How a mailbox reaches its server. `secret` is the password or token in the clear: keep it out of logs.

    `unreadable` says why a secret of the mailbox cannot be opened: such a mailbox sends nothing.
    """

    host: str
    port: int
    tls: str
    username: str | None
    secret: str | None
    auth: str | None
    allow_insecure: bool
    unreadable: str | None = None

    def __repr__(self) -> str:
        return f"Transport({self.host}:{self.port}, tls={self.tls}, username={self.username})"


@dataclass(frozen=True, slots=True)
class MailboxPlan:
    """One version of a mailbox. `signing` None: its messages go unsigned."""

    mailbox_id: int
    version: int
    address: str
    from_name: str | None
    reply_to: str | None
    limits: MailboxLimits
    window: Window
    transport: Transport
    signing: Signing | None = None

    @property
    def is_paced(self) -> bool:
        """Whether a mark has to reckon with its load at all."""
        limits = self.limits
        return (
            limits.daily_cap is not None
            or limits.rate_per_second is not None
            or limits.ramp is not None
            or self.is_gapped
        )

    @property
    def is_gapped(self) -> bool:
        """Whether its messages leave one at a time."""
        return self.limits.gap_seconds > 0 or self.limits.jitter_seconds > 0
