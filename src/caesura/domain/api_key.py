"""The text of an API key: a lead-in that tells whose door it opens, a public prefix by which it is found, a secret."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from caesura.domain.errors import Invalid, Problem, Unauthenticated
from caesura.domain.scopes import Scope

PREFIX_BYTES = 10
SECRET_BYTES = 32
ENTROPY_BYTES = PREFIX_BYTES + SECRET_BYTES

# Base32 in lower case: letters and digits only, so that any client's own check of a key's shape lets it pass.
_PARTS = re.compile(r"([a-z2-7]{16})\.?([a-z2-7]{52})")


UNMETERED = "unmetered"
"""The plan without limits, which every dialect has."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests a key may send in each window of so many seconds. Windows begin at multiples of it, UTC."""

    name: str
    seconds: int
    requests: int


_USUAL: Mapping[str, tuple[Allowance, ...]] = {
    "usual": (Allowance("minute", 60, 60_000),),
    "slow": (Allowance("minute", 60, 60),),
}


@dataclass(frozen=True, slots=True)
class KeyForm:
    """How the keys of one dialect look, `<lead_in><prefix><separator><secret>`, and what they can be given.

    `permissions` are its words for what a key may do, beside `*` for everything; `plans` its rate limits by name, the
    usual one first.
    """

    dialect: str
    lead_in: str
    separator: str = ""
    permissions: tuple[str, ...] = tuple(Scope)
    plans: Mapping[str, tuple[Allowance, ...]] = field(default_factory=lambda: _USUAL)

    def allowances(self, plan: str | None) -> tuple[Allowance, ...]:
        """The limits of a plan; of None, and of one that is no more, the usual ones."""
        usual = next(iter(self.plans))
        return () if plan == UNMETERED else self.plans.get(plan or usual, self.plans[usual])

    def check_plan(self, plan: str) -> None:
        """Raises Invalid `unknown_plan`."""
        if plan not in (*self.plans, UNMETERED):
            known = ", ".join((*self.plans, UNMETERED))
            raise Invalid.of(Problem("unknown_plan", f"a plan of {self.dialect} is one of {known}", "/plan"))


def mint(form: KeyForm, entropy: bytes) -> tuple[str, str]:
    """The prefix and the full text of a new key, out of 42 random bytes (32 of them the secret)."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key takes {ENTROPY_BYTES} bytes of entropy, not {len(entropy)}")
    prefix, secret = _text(entropy[:PREFIX_BYTES]), _text(entropy[PREFIX_BYTES:])
    return prefix, f"{form.lead_in}{prefix}{form.separator}{secret}"


def split(form: KeyForm, presented: str) -> tuple[str, str]:
    """The prefix and the secret of a key as a caller presents it. Raises Unauthenticated `key_malformed`."""
    match = _PARTS.fullmatch(presented.removeprefix(form.lead_in)) if presented.startswith(form.lead_in) else None
    if match is None:
        shape = f" that begins with {form.lead_in}" if form.lead_in else ""
        raise Unauthenticated("key_malformed", f"this is not a key{shape}: check that it was copied whole")
    return match[1], match[2]


def _text(random: bytes) -> str:
    return base64.b32encode(random).decode("ascii").rstrip("=").lower()
