"""Turns what pydantic finds wrong into our own problems: our code words, JSON pointers, plain sentences."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from caesura.domain.errors import Invalid, Problem

MAXIMUM_PROBLEMS = 100
"""More than these are not listed: a file can hold a million faults of one kind."""

Model = TypeVar("Model", bound=BaseModel)

_OURS = "detail"
"""The key in an error's context that tells our errors from pydantic's own."""
_TEMPLATE = "{detail}"

_CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "int_parsing_size": "out_of_range",
    "too_short": "too_short",
    "too_long": "too_long",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "literal_error": "unknown_value",
    "string_unicode": "invalid_unicode",
}
_KINDS = {
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}


def validate(model: type[Model], data: object, file: str | None = None) -> Model:
    """`data`, as JSON or TOML gives it, as a `model`. Raises Invalid with every problem found."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = problems_of(error.errors(include_url=False, include_context=True), data, file)
        raise Invalid.of(*found) from error


def problems_of(errors: Iterable[ErrorDetails], data: object, file: str | None = None) -> list[Problem]:
    """Pydantic's errors in our words, in their order, at most MAXIMUM_PROBLEMS.

    `data` is what was validated: places are told as its author wrote them. The input's values are
    not repeated, since some are secrets.
    """
    problems: list[Problem] = []
    for error in errors:
        # Says only that another field is wrong, which has an error of its own.
        if error["type"] == "default_factory_not_called":
            continue
        if len(problems) == MAXIMUM_PROBLEMS:
            break
        pointer = _pointer(error["loc"], data)
        code, detail = _word(error)
        problems.append(Problem(code, detail, pointer, file))
    return problems


def as_validation_error(problems: Iterable[Problem]) -> ValidationError:
    """For raising inside a validator: the problems, their pointers relative to the value validated."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(problem.code, _TEMPLATE, {_OURS: problem.detail}),
            loc=_location(problem.pointer or ""),
            input=None,
        )
        for problem in problems
    ]
    return ValidationError.from_exception_data("value", details)


def fault(code: str, detail: str) -> PydanticCustomError:
    """For raising inside a validator: what is wrong with the value validated."""
    return PydanticCustomError(code, _TEMPLATE, {_OURS: detail})


def _word(error: ErrorDetails) -> tuple[str, str]:
    """Code and detail."""
    kind, context = error["type"], error.get("ctx", {})
    if _OURS in context:
        return kind, str(context[_OURS])
    if kind in _KINDS:
        return "wrong_type", f"This must be {_KINDS[kind]}, not {_kind_of(error['input'])}."
    code = _CODES.get(kind, "invalid_value")
    match code:
        case "missing_field":
            return code, f"{error['loc'][-1]} is missing."
        case "unknown_field":
            return code, f"{str(error['loc'][-1])[:100]!r} is not a field of this object."
        case "too_short":
            return code, "This must not be empty."
        case "too_long":
            return code, f"This is longer than {context.get('max_length')}."
        case "unknown_value":
            return code, f"This must be one of {context.get('expected')}."
    return code, error["msg"].replace("Input should", "This must").rstrip(".") + "."


def _kind_of(value: object) -> str:
    """What JSON and TOML call it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int():
            return "a number"
        case float():
            return "a number with a fraction"
        case str():
            return "a text"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"


def _pointer(location: tuple[int | str, ...], data: object) -> str:
    """The JSON pointer (RFC 6901) of the place in `data`.

    A step may give the fields of its only variant itself; then there is no `variants` in `data`, and
    none in the pointer.
    """
    place: object = data
    parts: list[str] = []
    rest = list(location)
    while rest:
        part = rest.pop(0)
        if part == "[key]":
            continue
        if part == "variants" and rest and isinstance(place, Mapping) and part not in place:
            rest.pop(0)
            continue
        parts.append(str(part)[:100].replace("~", "~0").replace("/", "~1"))
        place = _step_into(place, part)
    return "".join(f"/{part}" for part in parts)


def _step_into(place: object, part: int | str) -> object:
    if isinstance(place, Mapping):
        return place.get(part)
    if isinstance(place, list | tuple) and isinstance(part, int) and part < len(place):
        return place[part]
    return None


def _location(pointer: str) -> tuple[int | str, ...]:
    parts = pointer.split("/")[1:]
    return tuple(
        int(part) if part.isascii() and part.isdigit() else part.replace("~1", "/").replace("~0", "~") for part in parts
    )
