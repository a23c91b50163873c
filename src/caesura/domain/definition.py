"""The campaign definition: the one rule for what a valid campaign is, whether it comes as JSON or as TOML."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from caesura.domain.definition_types import (
    Body,
    Count,
    Definition,
    Delay,
    EmailAddress,
    Extra,
    Growth,
    Headers,
    Instant,
    Line,
    MessageId,
    Name,
    NotEmpty,
    VariableName,
    Windows,
    Zone,
)
from caesura.domain.errors import Problem
from caesura.domain.headers import MAX_EXTRA as MAXIMUM_HEADERS
from caesura.domain.validation import as_validation_error, fault, validate

MAXIMUM_STEPS = 50
MAXIMUM_VARIANTS = 26
MAXIMUM_DEFAULTS = 500

_CONTENT = ("subject", "text", "html")
_LOCAL_HOSTS = ("localhost", "127.0.0.1")


def _check_url(url: str) -> str:
    # Braces may hold a variable; blanks, quotes and angle brackets could end the header or the link.
    if not url.isascii() or any(character <= " " or character in "\"'<>\\\x7f" for character in url):
        raise fault("invalid_url", "A URL has no blanks, quotes, angle brackets or letters outside ASCII.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise fault("invalid_url", "This is not a URL.") from None
    if not host or parts.username is not None:
        raise fault("invalid_url", "A URL has a host, and no user name.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOCAL_HOSTS):
        raise fault("insecure_url", "A URL starts with https:// (http:// is for localhost and 127.0.0.1 only).")
    return url


Url = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_check_url)]
DefaultValue = Annotated[Body, StringConstraints(max_length=10_000)]


class VariantDefinition(Definition):
    """One wording of a step."""

    name: Name | None = Field(default=None, description="For people and statistics.", examples=["short"])
    weight: int = Field(default=1, ge=1, le=100, description="Its share of the leads.", examples=[1])
    subject: Line | None = Field(
        default=None,
        description="The first step needs one. A follow-up without one answers the first message: Re: ...",
        examples=["A question about {{ company }}"],
    )
    text: Body | None = Field(
        default=None, description="The plain text part.", examples=["{Hi|Hello} {{ first_name }}"]
    )
    html: Body | None = Field(default=None, description="The HTML part.", examples=["<p>Hi {{ first_name }}</p>"])


def _describe_content(schema: dict[str, Any]) -> None:
    """In OpenAPI: a step may give the content of its only variant itself."""
    variants = schema["properties"]["variants"]
    own = VariantDefinition.model_json_schema()["properties"]
    schema["properties"] |= {name: own[name] for name in _CONTENT}
    schema["required"] = [name for name in schema.get("required", []) if name != "variants"]
    variants["description"] += " Or give subject, text and html here, for a single variant."


class StepDefinition(Definition):
    """One message of the sequence."""

    model_config = {"json_schema_extra": _describe_content}

    name: Name | None = Field(default=None, description="For people and statistics.", examples=["opening"])
    delay: Delay = Field(
        default=0,
        description=(
            "Seconds, or a text such as 90s, 15m, 4h, 3d, 1w, 1d12h; at most 366 days. After the step before; the "
            "first step's after enrolment. A follow-up needs this or send_at."
        ),
        examples=["3d", 3600],
    )
    send_at: Instant | None = Field(
        default=None, description="A fixed moment in real time, instead of a delay.", examples=["2030-01-31T09:00:00Z"]
    )
    condition: Annotated[Line, StringConstraints(max_length=2000)] | None = Field(
        default=None,
        description="An expression over the lead's variables; a lead for which it is false skips the step.",
        examples=["company and country == 'DE'"],
    )
    windows: Windows = Field(
        default=(),
        description="When this step may go out, in the place of the campaign's windows; none: in those.",
        max_length=100,
        examples=[[{"days": ["mon", "thu"], "start": "09:00", "end": "12:00"}]],
    )
    thread: bool = Field(default=True, description="Whether a follow-up goes into the first message's thread.")
    id: int | None = Field(
        default=None,
        ge=1,
        le=2**63 - 1,
        description="Names the step, also when others come before it or go. Given by us; in an edit, a step without "
        "one has that of the step which stood at its place.",
        examples=[7],
    )
    answers: Annotated[tuple[MessageId, ...], Field(strict=False)] = Field(
        default=(),
        max_length=20,
        description="Message-IDs of a thread that began elsewhere and that this step goes into, the newest last.",
        examples=[["<CAF7x@mail.example.com>"]],
    )
    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")
    variants: Annotated[tuple[VariantDefinition, ...], Field(strict=False), NotEmpty] = Field(
        max_length=MAXIMUM_VARIANTS,
        description="The wordings, drawn by weight.",
        json_schema_extra={"minItems": 1},
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_content(cls, data: object) -> object:
        if not isinstance(data, Mapping) or not any(name in data for name in _CONTENT):
            return data
        if "variants" in data:
            raise fault("content_and_variants", "Give either subject, text and html, or variants.")
        own = {name: data[name] for name in _CONTENT if name in data}
        return {name: value for name, value in data.items() if name not in own} | {"variants": [own]}

    @model_validator(mode="after")
    def _check_time(self) -> Self:
        if self.send_at is not None and self.delay > 0:
            raise fault("delay_and_send_at", "Give either delay or send_at.")
        return self


class CampaignLimits(Definition):
    """How much the campaign may send, over all its mailboxes."""

    daily_new: Count | None = Field(default=None, description="First messages a day.", examples=[100])
    daily_total: Count | None = Field(default=None, description="Messages a day, follow-ups included.", examples=[400])
    gradual: Growth | None = Field(default=None, description="Messages a day, growing from day to day (gradual mode).")
    gap_seconds: int = Field(
        default=0,
        ge=0,
        le=86_400,
        description="Least time between two messages of the campaign, in seconds, whichever mailbox they leave from; "
        "above 0, they leave one at a time.",
        examples=[30],
    )
    bounce_threshold: int | None = Field(
        default=None,
        ge=1,
        le=99,
        description="Percent. Once so many of its messages have bounced, of 20 or more, the campaign pauses by itself.",
        examples=[5],
    )


class UnsubscribeDefinition(Definition):
    """Where the List-Unsubscribe header leads (RFC 2369, RFC 8058)."""

    url: Url | None = Field(
        default=None,
        description="https only, but for localhost. Takes the one-click POST. {{unsubscribe_token}} and {{email}} in "
        "it are filled in. Without it, a server with a public_url uses its own.",
        examples=["https://example.com/unsubscribe/{{unsubscribe_token}}"],
    )
    mailto: EmailAddress | None = Field(default=None, description="An address.", examples=["unsubscribe@example.com"])

    @model_validator(mode="after")
    def _check_present(self) -> Self:
        if self.url is None and self.mailto is None:
            raise fault("missing_field", "Give url or mailto, or both.")
        return self


class CampaignDefinition(Definition):
    """A campaign, as a person writes it."""

    name: Name = Field(description="Commands find it by this name.", examples=["Spring outreach"])
    zone: Zone = Field(default="UTC", description="IANA time zone of windows and days.", examples=["Europe/Berlin"])
    window_zone: Literal["campaign", "lead"] = Field(
        default="campaign",
        description="Whose time zone the windows are read in; a lead without one has the campaign's.",
    )
    windows: Windows = Field(
        default=(),
        description="When messages may go out; none: always.",
        max_length=100,
        examples=[[{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:30"}]],
    )
    pool: Name | None = Field(default=None, description="The mailbox pool that sends.", examples=["sales"])
    from_name: Name | None = Field(
        default=None,
        description="The sender's name in its messages; without it, that of the mailbox. The address is the mailbox's.",
        examples=["Anna from Example"],
    )
    reply_to: EmailAddress | None = Field(
        default=None,
        description="Where replies to its messages go; without it, as the mailbox says.",
        examples=["answers@example.com"],
    )
    headers: Annotated[Headers, Field(strict=False)] = Field(
        default=(),
        description="Header fields of your own in its messages, at most 50; none that Caesura or those who carry a "
        "message write, or that would change who gets it.",
        json_schema_extra={"maxItems": MAXIMUM_HEADERS},
    )
    steps: Annotated[tuple[StepDefinition, ...], Field(strict=False)] = Field(
        default=(), max_length=MAXIMUM_STEPS, description="The sequence. A draft may have none."
    )
    limits: CampaignLimits = Field(default=CampaignLimits(), description="How much it may send.")
    on_unknown: Literal["continue", "hold"] = Field(
        default="continue",
        description="What becomes of a lead's later steps when the fate of a message cannot be known.",
    )
    stop_on_reply: bool = Field(default=True, description="Whether a reply ends the sequence for its lead.")
    defaults: Annotated[dict[VariableName, DefaultValue], Field(max_length=MAXIMUM_DEFAULTS)] = Field(
        default={}, description="Values of variables that a lead does not have.", examples=[{"first_name": "there"}]
    )
    unsubscribe: UnsubscribeDefinition | None = Field(default=None, description="How a lead can unsubscribe.")
    starts_at: Instant | None = Field(
        default=None, description="When to start by itself.", examples=["2030-01-31T09:00:00Z"]
    )
    extra: Extra = Field(
        default={}, description="Anything else; kept and returned, never read.", examples=[{"owner": "Kim"}]
    )

    @model_validator(mode="after")
    def _check_sequence(self) -> Self:
        problems = list(_sequence_problems(self.steps))
        if problems:
            raise as_validation_error(problems)
        return self


def _sequence_problems(steps: tuple[StepDefinition, ...]) -> Iterator[Problem]:
    """What a step needs because of its place in the sequence."""
    for place, step in enumerate(steps):
        if place > 0 and "delay" not in step.model_fields_set and step.send_at is None:
            yield Problem("missing_field", "A follow-up needs a delay.", f"/steps/{place}/delay")
        for number, variant in enumerate(step.variants):
            if place == 0 and not (variant.subject or "").strip():
                pointer = f"/steps/0/variants/{number}/subject"
                yield Problem("missing_field", "The first step needs a subject.", pointer)


def read_definition(data: object, file: str | None = None) -> CampaignDefinition:
    """The campaign in `data`, as JSON or TOML gives it.

    Raises Invalid with every problem, each with its JSON pointer into `data`, and `file` for messages.
    Codes: `missing_field`, `unknown_field`, `wrong_type`, `out_of_range`, `too_short`, `too_long`,
    `unknown_value`, `invalid_name`, `invalid_unicode`, `control_character`, `invalid_delay`,
    `invalid_time`, `offset_missing`, `delay_and_send_at`, `content_and_variants`, `factor_or_add`,
    `invalid_url`, `insecure_url`, and those of addresses and windows.
    """
    return validate(CampaignDefinition, data, file)
