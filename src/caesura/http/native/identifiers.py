"""Ids on the wire: what they name, an underscore, the number (`cmp_12`); a message is named by its place, `msg_7_2`."""

import re
from dataclasses import dataclass
from typing import Any

from fastapi import Path
from pydantic import Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from caesura.domain.errors import NotFound
from caesura.domain.validation import fault

MAXIMUM = 2**63 - 1
_NUMBER = "[1-9][0-9]{0,18}"
_MESSAGE = re.compile(f"msg_({_NUMBER})_([1-9][0-9]{{0,3}})")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that has ids."""

    prefix: str
    noun: str
    example: int

    @property
    def pattern(self) -> str:
        """What the ids look like (JSON Schema)."""
        return f"^{self.prefix}_{_NUMBER}$"

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return self.noun.replace("_", " ")

    def show(self, number: int) -> str:
        """The id on the wire."""
        return f"{self.prefix}_{number}"

    def show_any(self, number: int | None) -> str | None:
        """The same, or None where there is none."""
        return None if number is None else self.show(number)

    def parse(self, text: str) -> int:
        """The number of an id in a path. What cannot be an id names nothing: NotFound `<noun>_not_found`."""
        number = self._number(text)
        if number is None:
            raise NotFound(f"{self.noun}_not_found", f"there is no such {self.words} in this workspace")
        return number

    def path(self) -> Any:
        """For a path parameter: `key_id: Annotated[str, KEY.path()]`."""
        return Path(
            description=f"Id of the {self.words}.",
            examples=[self.show(self.example)],
            json_schema_extra={"pattern": self.pattern},
        )

    def argument(self) -> Any:
        """For an argument of a tool: `key_id: Annotated[str, KEY.argument()]`. Not checked: `parse` does."""
        return Field(
            description=f"Id of the {self.words}.",
            examples=[self.show(self.example)],
            json_schema_extra={"pattern": self.pattern},
        )

    def shown(self) -> Any:
        """For a field of an answer: `id: Annotated[str, KEY.shown()]`."""
        return Field(pattern=self.pattern, examples=[self.show(self.example)])

    def reference(self) -> tuple[Any, ...]:
        """For a field of a body that names one: `pool_id: Annotated[int, *POOL.reference()]`. Reads as the number."""
        schema = {"type": "string", "pattern": self.pattern, "examples": [self.show(self.example)]}
        reader = core_schema.no_info_plain_validator_function(self._read)
        return GetPydanticSchema(lambda _source, _handler: reader), WithJsonSchema(schema)

    def _read(self, value: object) -> int:
        number = self._number(value) if isinstance(value, str) else None
        if number is None:
            example = self.show(self.example)
            raise fault("invalid_id", f"This must be the id of a {self.words}, such as {example}.")
        return number

    def _number(self, text: str) -> int | None:
        match = re.fullmatch(f"{self.prefix}_({_NUMBER})", text)
        number = int(match[1]) if match else None
        return number if number is not None and number <= MAXIMUM else None


CAMPAIGN = Kind("cmp", "campaign", 12)
LEAD = Kind("led", "lead", 5)
LIST = Kind("lst", "list", 4)
ENROLLMENT = Kind("enr", "enrollment", 7)
MAILBOX = Kind("mbx", "mailbox", 3)
POOL = Kind("pol", "pool", 2)
HOLD = Kind("hld", "hold", 8)
INBOUND = Kind("inb", "inbound", 11)
EVENT = Kind("evt", "event", 6)
KEY = Kind("key", "key", 9)
WEBHOOK = Kind("whk", "webhook", 10)
DELIVERY = Kind("dlv", "delivery", 11)
SEGMENT = Kind("seg", "segment", 13)
TEMPLATE = Kind("tpl", "template", 14)
SUPPRESSION_GROUP = Kind("sgr", "suppression_group", 15)
LEAD_PROPERTY = Kind("prp", "lead_property", 16)
WORKSPACE = Kind("wks", "workspace", 17)
APPROVAL = Kind("apr", "approval", 10)

MESSAGE_PATTERN = f"^{_MESSAGE.pattern}$"


def show_message(enrollment_id: int, step: int) -> str:
    """The id of the message of one step to one enrollment."""
    return f"msg_{enrollment_id}_{step}"


def parse_message(text: str) -> tuple[int, int]:
    """Enrollment and step of a message's id. Raises NotFound `message_not_found`."""
    match = _MESSAGE.fullmatch(text)
    if match is None or int(match[1]) > MAXIMUM:
        raise NotFound("message_not_found", "there is no such message in this workspace")
    return int(match[1]), int(match[2])
