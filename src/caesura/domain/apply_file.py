"""What one file can set up at once: mailboxes, pools and a campaign."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from caesura.domain.definition import CampaignDefinition
from caesura.domain.definition_types import Definition
from caesura.domain.errors import Invalid, Problem
from caesura.domain.mailbox_definition import MailboxDefinition, PoolDefinition, repeated
from caesura.domain.validation import as_validation_error, validate

MAXIMUM_MAILBOXES = 10_000
_LISTS = ("mailboxes", "pools")
_CAMPAIGN = "/campaign"


class ApplyFile(Definition):
    """The mailboxes, pools and campaign of one file; all may be absent."""

    mailboxes: Annotated[tuple[MailboxDefinition, ...], Field(strict=False)] = Field(
        default=(), max_length=MAXIMUM_MAILBOXES, description="Mailboxes to add or change."
    )
    pools: Annotated[tuple[PoolDefinition, ...], Field(strict=False)] = Field(
        default=(), max_length=MAXIMUM_MAILBOXES, description="Pools to add or change."
    )
    campaign: CampaignDefinition | None = Field(default=None, description="The campaign to add or change.")

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        named = {"mailboxes": [m.name for m in self.mailboxes], "pools": [pool.name for pool in self.pools]}
        problems = [
            Problem("duplicate_name", f"There are two {kind} named {names[place]!r}.", f"/{kind}/{place}/name")
            for kind, names in named.items()
            for place in repeated(tuple(names))
        ]
        if problems:
            raise as_validation_error(problems)
        return self


def read_apply_file(data: object, file: str | None = None) -> ApplyFile:
    """The definitions in `data`: `mailboxes`, `pools`, and the campaign's own fields beside them.

    Raises Invalid with every problem, as `read_definition` does; also `duplicate_name`,
    `insecure_transport`, `invalid_host`.
    """
    if isinstance(data, Mapping):
        parts: dict[str, object] = {name: data[name] for name in _LISTS if name in data}
        campaign = {name: value for name, value in data.items() if name not in _LISTS}
        data = parts | ({"campaign": campaign} if campaign or not parts else {})
    try:
        return validate(ApplyFile, data, file)
    except Invalid as error:
        raise Invalid.of(*(_at_top_level(problem) for problem in error.problems)) from error


def _at_top_level(problem: Problem) -> Problem:
    """The campaign's fields stand at the top of the file."""
    pointer = problem.pointer or ""
    if pointer == _CAMPAIGN or pointer.startswith(f"{_CAMPAIGN}/"):
        pointer = pointer.removeprefix(_CAMPAIGN)
    return Problem(problem.code, problem.detail, pointer, problem.file, problem.line)
