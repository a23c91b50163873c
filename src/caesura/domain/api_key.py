"""The text of an API key: a lead-in that tells whose door it opens, a public prefix by which it is found, a secret."""

import base64
import re
from dataclasses import dataclass

from caesura.domain.errors import Unauthenticated

PREFIX_BYTES = 10
SECRET_BYTES = 32
ENTROPY_BYTES = PREFIX_BYTES + SECRET_BYTES

# Base32 in lower case: letters and digits only, so that any client's own check of a key's shape lets it pass.
_PARTS = re.compile(r"([a-z2-7]{16})\.?([a-z2-7]{52})")


@dataclass(frozen=True, slots=True)
class KeyForm:
    """How the keys of one dialect look: `<lead_in><prefix><separator><secret>`."""

    dialect: str
    lead_in: str
    separator: str = ""


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
