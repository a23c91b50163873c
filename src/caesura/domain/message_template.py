"""The definition of a template that messages are made of."""

from typing import Annotated

from pydantic import Field, StringConstraints

from caesura.domain.definition_types import Body, Definition, Extra, Line, Name


class MessageTemplateDefinition(Definition):
    """A text to make messages of: it is copied into a step, and changes nothing there when it is edited."""

    name: Name = Field(description="For people.", examples=["spring sale"])
    subject: Line | None = Field(default=None, description="The subject.", examples=["A question about {{ company }}"])
    html: Body | None = Field(default=None, description="The HTML part.", examples=["<p>Hi {{ first_name }}</p>"])
    text: Body | None = Field(default=None, description="The plain text part.", examples=["Hi {{ first_name }}"])
    description: Annotated[Line, StringConstraints(max_length=500)] = Field(default="", description="For people.")
    extra: Extra = Field(default={}, description="Anything else; kept and returned, never read.")
