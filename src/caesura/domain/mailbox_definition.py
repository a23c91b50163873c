"""The definitions of mailboxes and pools: who sends, over which server, and how much."""

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from caesura.domain.addresses import AddressError, parse_address
from caesura.domain.definition_types import (
    Count,
    Definition,
    EmailAddress,
    Extra,
    Growth,
    Line,
    Name,
    NotEmpty,
    Windows,
    Zone,
)
from caesura.domain.dkim import is_aligned, record_name, record_of
from caesura.domain.errors import Invalid, Problem
from caesura.domain.validation import as_validation_error, fault

DEFAULT_PORTS = {"none": 25, "starttls": 587, "implicit": 465}
MAXIMUM_CONNECTIONS = 100
MAXIMUM_POOL_SIZE = 10_000
MAXIMUM_PASSWORD_LENGTH = 10_000
MAXIMUM_KEY_LENGTH = 10_000
MAXIMUM_DOMAIN_LENGTH = 253

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?!\d+\Z){_LABEL}", re.IGNORECASE | re.ASCII)

_SELECTOR_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SELECTOR = re.compile(rf"{_SELECTOR_LABEL}(?:\.{_SELECTOR_LABEL})*", re.IGNORECASE | re.ASCII)


def _check_host(host: str) -> str:
    if _address_of(host) is None and _HOST_NAME.fullmatch(host) is None:
        raise fault("invalid_host", "A host is a name such as smtp.example.com, or an IP address.")
    return host.lower()


def _check_password(password: SecretStr) -> SecretStr:
    # NUL separates the parts of AUTH PLAIN (RFC 4616).
    if "\0" in password.get_secret_value():
        raise fault("control_character", "There is a NUL character in the password.")
    return password


def _check_domain(domain: str) -> str:
    try:
        return parse_address(f"dkim@{domain}").domain
    except AddressError as error:
        raise fault("invalid_domain", "A domain is a name such as example.com.") from error


def _check_selector(selector: str) -> str:
    if _SELECTOR.fullmatch(selector) is None:
        raise fault("invalid_selector", "A selector is a name of letters, digits and hyphens, such as mail2030.")
    return selector.lower()


def _check_private_key(key: SecretStr) -> SecretStr:
    try:
        record_of(key.get_secret_value())
    except Invalid as error:
        raise fault(error.code, error.detail) from error
    return key


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_near(host: str) -> bool:
    """Whether the host is this machine or an address of a private network (RFC 1918, RFC 4193), by its spelling."""
    address = _address_of(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_private or address.is_link_local


class TransportDefinition(Definition):
    """The SMTP server that takes the mailbox's messages."""

    host: Annotated[str, AfterValidator(_check_host)] = Field(
        description="Name or IP address.", examples=["smtp.example.com"]
    )
    tls: Literal["none", "starttls", "implicit"] = Field(
        default="starttls",
        description="How the line is encrypted; there is no fall-back. none is for this machine and private networks.",
    )
    port: int = Field(
        default_factory=lambda data: DEFAULT_PORTS[data["tls"]],
        ge=1,
        le=65_535,
        description="By default 587 for starttls, 465 for implicit, 25 for none.",
        examples=[587],
    )
    allow_insecure: bool = Field(default=False, description="Allow tls none to any host: all can read along.")
    username: Annotated[Line, StringConstraints(min_length=1)] | None = Field(
        default=None, description="To log in with.", examples=["anna@example.com"]
    )
    password: Annotated[SecretStr, AfterValidator(_check_password)] | None = Field(
        default=None,
        max_length=MAXIMUM_PASSWORD_LENGTH,
        description="Password or access token; kept encrypted and never returned.",
    )
    auth: Literal["plain", "login", "xoauth2"] | None = Field(
        default=None, description="How to log in. By default the best of plain and login that the server offers."
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problems = []
        if self.tls == "none" and not self.allow_insecure and not is_near(self.host):
            detail = "Without TLS, everybody on the way can read along: set tls, or allow_insecure = true."
            problems.append(Problem("insecure_transport", detail, "/tls"))
        if self.username is None and self.password is not None:
            problems.append(Problem("missing_field", "A password needs a username.", "/username"))
        if self.username is not None and not (self.password and self.password.get_secret_value()):
            problems.append(Problem("missing_field", "A username needs a password.", "/password"))
        if self.auth is not None and self.username is None:
            problems.append(Problem("missing_field", "auth needs a username and a password.", "/username"))
        if problems:
            raise as_validation_error(problems)
        return self


class MailboxLimits(Definition):
    """How much the mailbox may send."""

    daily_cap: Count | None = Field(default=None, description="Messages a day.", examples=[50])
    gap_seconds: int = Field(
        default=0, ge=0, le=86_400, description="Least time between two messages, in seconds.", examples=[90]
    )
    jitter_seconds: int = Field(
        default=0, ge=0, le=86_400, description="Up to this many seconds are added to each gap.", examples=[60]
    )
    rate_per_second: float | None = Field(
        default=None, gt=0, le=100_000, description="For relays: messages a second.", examples=[20]
    )
    connections: int = Field(
        default=2, ge=1, le=MAXIMUM_CONNECTIONS, description="Connections open at a time.", examples=[2]
    )
    ramp: Growth | None = Field(default=None, description="A daily cap that grows, for warming up.")


class DkimDefinition(Definition):
    """A signature on each message, by a key of the sender's domain (DKIM, RFC 6376)."""

    domain: Annotated[str, AfterValidator(_check_domain)] = Field(
        max_length=MAXIMUM_DOMAIN_LENGTH,
        description="The domain that signs: the address's own, or one above it.",
        examples=["example.com"],
    )
    selector: Annotated[str, AfterValidator(_check_selector)] = Field(
        max_length=MAXIMUM_DOMAIN_LENGTH,
        description="Which of the domain's keys: the record stands at SELECTOR._domainkey.DOMAIN.",
        examples=["mail2030"],
    )
    private_key: Annotated[SecretStr, AfterValidator(_check_private_key)] = Field(
        max_length=MAXIMUM_KEY_LENGTH,
        description="In PEM, RSA (2048 bits; 1024 to 4096 are taken) or Ed25519, without a passphrase; kept encrypted "
        "and never returned.",
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if len(record_name(self.domain, self.selector)) > MAXIMUM_DOMAIN_LENGTH:
            raise as_validation_error([Problem("too_long", "The record's name is longer than 253.", "/selector")])
        return self


class MailboxDefinition(Definition):
    """A sender identity with its server and its limits."""

    name: Name = Field(description="Unique in the workspace.", examples=["anna"])
    address: EmailAddress = Field(description="The sender's address.", examples=["anna@example.com"])
    from_name: Name | None = Field(default=None, description="The sender's name.", examples=["Anna Schmidt"])
    reply_to: EmailAddress | None = Field(default=None, description="Where replies go, if elsewhere.")
    transport: TransportDefinition = Field(description="The server.")
    limits: MailboxLimits = Field(default=MailboxLimits(), description="How much it may send.")
    zone: Zone = Field(default="UTC", description="IANA time zone of its days and windows.", examples=["Europe/Berlin"])
    windows: Windows = Field(default=(), description="When it may send; none: always.")
    dkim: DkimDefinition | None = Field(
        default=None, description="Signs its messages; none: they go unsigned, as to relays that sign."
    )

    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")

    @model_validator(mode="after")
    def _check_alignment(self) -> Self:
        if self.dkim is not None and not is_aligned(self.address, self.dkim.domain):
            detail = f"{self.dkim.domain} cannot sign for {self.address}: it is not its domain, nor one above it."
            raise as_validation_error([Problem("dkim_not_aligned", detail, "/dkim/domain")])
        return self


class PoolDefinition(Definition):
    """A set of mailboxes that share the work of a campaign."""

    name: Name = Field(description="Unique in the workspace.", examples=["sales"])
    mailboxes: Annotated[tuple[Name, ...], Field(strict=False), NotEmpty] = Field(
        max_length=MAXIMUM_POOL_SIZE,
        description="Names of mailboxes.",
        examples=[["anna", "ben"]],
        json_schema_extra={"minItems": 1},
    )

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        problems = [
            Problem("duplicate_name", f"{self.mailboxes[place]!r} is in the pool twice.", f"/mailboxes/{place}")
            for place in repeated(self.mailboxes)
        ]
        if problems:
            raise as_validation_error(problems)
        return self


def repeated(names: tuple[str, ...]) -> list[int]:
    """The places of names that came before."""
    seen: set[str] = set()
    places = []
    for place, name in enumerate(names):
        if name in seen:
            places.append(place)
        seen.add(name)
    return places
