"""Why a message cannot be made for one lead. The lead is held with the code; nothing is sent with a hole in it."""

from collections.abc import Iterable

from caesura.domain.errors import Invalid


class Unsendable(Invalid):
    """This message cannot be made for this lead; others of the same step may be fine."""


class MissingVariable(Unsendable):
    """The lead has no value, or a blank one, for variables that the step needs; `names` is sorted."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__("missing_variable", f"the lead has no value for: {', '.join(self.names)}")


class UnusableField(Unsendable):
    """A field of the lead is of a kind that cannot be put into a text (`name` says which)."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        super().__init__("unusable_field", f"the field {name} cannot be used: {why}")


class OutputTooLarge(Unsendable):
    """The text is larger than the limit after the lead's fields were filled in."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__("output_too_large", f"{what} would be longer than {limit:,} characters")


class HeaderInjection(Unsendable):
    """A value meant for a header holds a line break, another control character or is not what the header takes."""

    def __init__(self, header: str, why: str = "it holds a line break or another control character") -> None:
        self.header = header
        super().__init__("header_injection", f"the value for the header {header} was refused: {why}")


class EmptySubject(Unsendable):
    """The subject is blank once the fields are filled in, or there is none at all."""

    def __init__(self) -> None:
        super().__init__("empty_subject", "the subject is empty for this lead")
