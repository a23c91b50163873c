"""Segments: leads by what their fields hold. The SQL in `lead_matches` and `Criteria.holds` say the same."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from caesura.domain.definition_types import Definition, Extra, Line, Name, NotEmpty, VariableName
from caesura.domain.templates import FieldValue
from caesura.domain.validation import fault

MAXIMUM_CONDITIONS = 50

Kind = Literal["text", "number", "truth", "date"]
Operator = Literal[
    "equals",
    "not_equals",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "greater_than",
    "less_than",
    "before",
    "after",
    "between",
    "is_empty",
    "is_not_empty",
]

_EQUALITY = ("equals", "not_equals")
_EMPTINESS = ("is_empty", "is_not_empty")
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "text": (*_EQUALITY, "contains", "not_contains", "starts_with", "ends_with", *_EMPTINESS),
    "number": (*_EQUALITY, "greater_than", "less_than", "between"),
    "truth": _EQUALITY,
    "date": (*_EQUALITY, "before", "after", "between", *_EMPTINESS),
}
"""What can be asked of each kind of value."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", re.DOTALL)

Value = Annotated[str, StringConstraints(max_length=2_000)]


class SegmentCondition(Definition):
    """One question about a field. A missing field is empty, equal to nothing, and neither greater nor less."""

    field: VariableName = Field(
        description="A field of the lead, or email, created_at, updated_at.", examples=["country"]
    )
    kind: Kind = Field(default="text", description="What the field is read as; dates by their day, as written.")
    operator: Operator = Field(description="What is asked.", examples=["equals"])
    value: Value | None = Field(default=None, description="With what it is compared, as a text.", examples=["DE"])
    upper: Value | None = Field(default=None, description="The end of `between`, which is part of it.")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.operator not in OPERATORS[self.kind]:
            raise fault("unknown_value", f"Of a {self.kind} one can ask: {', '.join(OPERATORS[self.kind])}.")
        if self.operator in _EMPTINESS:
            return self
        given = [self.value, self.upper] if self.operator == "between" else [self.value]
        fits = {"number": _NUMBER, "date": _DAY}.get(self.kind)
        for one in given:
            if one is None:
                raise fault("missing_field", f"{self.operator} needs a value, and between an upper as well.")
            if fits is not None and fits.fullmatch(one) is None:
                raise fault("invalid_value", f"{one[:40]!r} is no {self.kind}.")
            if self.kind == "truth" and one not in ("true", "false"):
                raise fault("invalid_value", "A truth value is true or false.")
        return self

    def holds(self, value: FieldValue | None) -> bool:
        """Whether it is so for this value of the field."""
        text = _text(value)
        if self.operator in _EMPTINESS:
            return (not text) is (self.operator == "is_empty")
        if self.operator.startswith("not_"):
            return not self._compares(self.operator.removeprefix("not_"), value, text)
        return self._compares(self.operator, value, text)

    def _compares(self, operator: str, value: FieldValue | None, text: str | None) -> bool:
        match self.kind:
            case "text":
                return text is not None and _text_holds(operator, text, self.value or "")
            case "truth":
                return text is not None and text == self.value
            case "number":
                known: Any = _number(value)
                wanted: Any = Decimal(self.value or "0")
                upper: Any = Decimal(self.upper or "0")
            case "date":
                known = text[:10] if text is not None and _DAY.fullmatch(text) else None
                wanted, upper = (self.value or "")[:10], (self.upper or "")[:10]
        if known is None:
            return False
        match operator:
            case "equals":
                return bool(known == wanted)
            case "greater_than" | "after":
                return bool(known > wanted)
            case "less_than" | "before":
                return bool(known < wanted)
            case _:
                return bool(wanted <= known <= upper)


class SegmentDefinition(Definition):
    """A segment, as its owner writes it."""

    name: Name = Field(description="Unique in the workspace.", examples=["customers in Germany"])
    description: Annotated[Line, StringConstraints(max_length=500)] = Field(default="", description="For people.")
    match: Literal["all", "any"] = Field(default="all", description="Whether all conditions must hold, or any.")
    conditions: Annotated[tuple[SegmentCondition, ...], Field(strict=False), NotEmpty] = Field(
        max_length=MAXIMUM_CONDITIONS, description="What is asked of a lead.", json_schema_extra={"minItems": 1}
    )
    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")

    def criteria(self) -> dict[str, Any]:
        """As it is stored, and read by the SQL."""
        return self.model_dump(mode="json", include={"match", "conditions"})

    def holds(self, fields: Mapping[str, FieldValue]) -> bool:
        """Whether a lead with these fields is in it."""
        answers = [one.holds(fields.get(one.field)) for one in self.conditions]
        return all(answers) if self.match == "all" else any(answers)


def _text(value: FieldValue | None) -> str | None:
    """The value as PostgreSQL writes it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")


def _number(value: FieldValue | None) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return Decimal(value) if _NUMBER.fullmatch(value) else None
    return Decimal(repr(value))


def _text_holds(operator: str, text: str, wanted: str) -> bool:
    match operator:
        case "equals":
            return text == wanted
        case "contains":
            return wanted in text
        case "starts_with":
            return text.startswith(wanted)
        case _:
            return text.endswith(wanted)
