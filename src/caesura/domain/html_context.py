"""Where in an HTML source one is: in text, in a tag, in a quoted attribute, in a comment, in a style or script.

It follows the source from top to bottom, branches of a template included, as if they all were written.
"""

import re
from collections.abc import Iterator
from enum import Enum

_LETTERS = re.compile(r"[a-zA-Z][^\s/>]*")
_TAG_OPENS = re.compile(r"<(?:!--|[a-zA-Z/!?]|\Z)")
_TAG_TURNS = re.compile(r"""["'>]""")


class Place(Enum):
    """Where in HTML a piece of a template stands."""

    TEXT = "between tags"
    TAG = "in a tag, outside of quotes"
    DOUBLE = "in an attribute within double quotes"
    SINGLE = "in an attribute within single quotes"
    COMMENT = "in a comment"
    STYLE = "in a style element"
    SCRIPT = "in a script element"


_RAW = {
    Place.COMMENT: re.compile("--!?>"),
    Place.STYLE: re.compile("</style", re.I),
    Place.SCRIPT: re.compile("</script", re.I),
}


class HtmlContext:
    """Feed it the literal text, piece by piece; `place` is where the last piece ended."""

    def __init__(self) -> None:
        self.place = Place.TEXT
        self._tag = ""

    def feed(self, text: str) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether it can be seen by a reader (not a comment, style or script)."""
        start = position = 0
        while position < len(text):
            was_raw = self.place in _RAW
            position = self._step(text, position)
            if (self.place in _RAW) != was_raw:
                yield text[start:position], not was_raw
                start = position
        if start < len(text):
            yield text[start:], self.place not in _RAW

    def _step(self, text: str, position: int) -> int:
        """Go on to the next change of place; the answer is the position behind it."""
        match self.place:
            case Place.TEXT:
                return self._from_text(text, position)
            case Place.TAG:
                return self._from_tag(text, position)
            case Place.DOUBLE | Place.SINGLE:
                quote = '"' if self.place is Place.DOUBLE else "'"
                end = text.find(quote, position)
                return self._move(Place.TAG, end + 1) if end >= 0 else len(text)
            case _:
                closing = _RAW[self.place].search(text, position)
                if closing is None:
                    return len(text)
                self._tag = ""
                return self._move(Place.TEXT if self.place is Place.COMMENT else Place.TAG, closing.end())

    def _from_text(self, text: str, position: int) -> int:
        opening = _TAG_OPENS.search(text, position)
        if opening is None:
            return len(text)
        if opening[0] == "<!--":
            return self._move(Place.COMMENT, opening.end())
        name = _LETTERS.match(text, opening.start() + 1)
        self._tag = name[0].lower() if name else ""
        return self._move(Place.TAG, opening.end())

    def _from_tag(self, text: str, position: int) -> int:
        turn = _TAG_TURNS.search(text, position)
        if turn is None:
            return len(text)
        match turn[0]:
            case '"':
                return self._move(Place.DOUBLE, turn.end())
            case "'":
                return self._move(Place.SINGLE, turn.end())
            case _:
                inside = {"style": Place.STYLE, "script": Place.SCRIPT}.get(self._tag, Place.TEXT)
                return self._move(inside, turn.end())

    def _move(self, place: Place, position: int) -> int:
        self.place = place
        return position
