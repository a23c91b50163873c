"""The plain text of an HTML template: its tags go, its variables, branches and spintax groups stay.

Everything that is not literal text is replaced by a mark that means nothing to HTML, the rest is turned into text by
inscriptis, and the marks are turned back. Text that looks like a tag once its entities are decoded stays text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from caesura.domain.template_tree import Branch, Node, Put, Spin, Text

# Private-use characters that no template may hold. The letter tells values, spintax and branches apart.
_MARK = re.compile("(\U000f0000[vsb][0-9]+\U000f0001)")
_BRANCHES = "(?:\U000f0000b[0-9]+\U000f0001[ \t]*)+"
_BETWEEN_PARAGRAPHS = re.compile(rf"(?:(?<=\n\n)|\A)[ \t]*({_BRANCHES})\n\n?")
_ALONE_ON_LINE = re.compile(rf"^[ \t]*({_BRANCHES})\n", re.M)
_BLANK_LINES = re.compile(r"\n{3,}")
_SAME_TWICE = re.compile(r"(?<!\S)(\S{1,500}) <\1>")


class Underivable(Exception):
    """The HTML cannot be turned into text in which branches and groups still are whole."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """The `part`-th border of a branch or group: 0 opens it, the one after its last arm closes it."""

    owner: Branch | Spin
    part: int


class _Marks:
    """Hands out marks, and knows what each stands for."""

    def __init__(self) -> None:
        self.meanings: list[Put | _Turn] = []
        self._values: dict[str, str] = {}

    def write(self, nodes: Iterable[Node]) -> str:
        return "".join(map(self._of, nodes))

    def _of(self, node: Node) -> str:
        match node:
            case Text(value):
                return value
            case Put(expression):
                if expression not in self._values:
                    self._values[expression] = self._mark("v", node)
                return self._values[expression]
            case Branch(arms):
                return self._arms("b", node, [body for _, body in arms])
            case Spin(_, options):
                return self._arms("s", node, options)

    def _arms(self, letter: str, owner: Branch | Spin, arms: Sequence[tuple[Node, ...]]) -> str:
        written = (self._mark(letter, _Turn(owner, part)) + self.write(arm) for part, arm in enumerate(arms))
        return "".join(written) + self._mark(letter, _Turn(owner, len(arms)))

    def _mark(self, letter: str, meaning: Put | _Turn) -> str:
        self.meanings.append(meaning)
        return f"\U000f0000{letter}{len(self.meanings) - 1}\U000f0001"


def derive(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The text part of an HTML template: links as `words <address>`, no style, script or hidden text.

    Raises Underivable, for instance when a branch begins in a paragraph and ends in a style element.
    """
    marks = _Marks()
    text = _tidy(plain(marks.write(nodes)))
    return _rebuild(text, marks.meanings)


def plain(html: str) -> str:
    """HTML without any template in it as text. Raises Underivable."""
    # Imported here, since it costs 50 ms and lxml, which only a step without a text part needs; and by name, since
    # inscriptis has no types to check against.
    profile = dict(import_module("inscriptis.css_profiles").CSS_PROFILES["strict"])
    profile["table"] = profile["tr"] = profile["div"]
    handlers = import_module("inscriptis.model.tag").CustomHtmlTagHandlerMapping
    settings = import_module("inscriptis.model.config").ParserConfig
    mapping = handlers(start_tag_mapping=_AT_START, end_tag_mapping=_AT_END)
    try:
        text: str = import_module("inscriptis").get_text(
            html, settings(profile, custom_html_tag_handler_mapping=mapping)
        )
    except (RecursionError, ValueError) as error:
        raise Underivable("the HTML is nested too deep or cannot be read") from error
    return text


class _Writable(Protocol):
    def write(self, text: str) -> None: ...


class _State(Protocol):
    """What is used here of inscriptis' HtmlDocumentState."""

    link_target: str

    @property
    def tags(self) -> Sequence[_Writable]: ...


def _link_opens(state: _State, attributes: dict[str, str]) -> None:
    target = attributes.get("href", "").strip()
    state.link_target = "" if target.startswith("#") else target


def _link_closes(state: _State) -> None:
    if state.link_target:
        state.tags[-1].write(f" <{state.link_target}>")


def _cell_closes(state: _State) -> None:
    state.tags[-1].write(" ")


# A table is written row by row: inscriptis' own way of lining up columns moves text, and marks with it, out of place.
_AT_START = {"a": _link_opens, "table": None, "tr": None, "td": None, "th": None}
_AT_END = {"a": _link_closes, "table": None, "td": _cell_closes, "th": _cell_closes}


def _tidy(text: str) -> str:
    """No mark of a branch keeps a line of its own, as in a template; no spaces at the end, no two blank lines."""
    text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    text = _BLANK_LINES.sub("\n\n", text).strip() + "\n"
    text = _BETWEEN_PARAGRAPHS.sub(r"\1", text)
    text = _ALONE_ON_LINE.sub(r"\1", text)
    return _SAME_TWICE.sub(r"\1", text)


class _Level:
    """A branch or group whose end has not come yet, with its arms so far."""

    __slots__ = ("arms", "owner")

    def __init__(self, owner: Branch | Spin | None) -> None:
        self.owner = owner
        self.arms: list[list[Node]] = [[]]

    def whole(self) -> Node:
        arms = map(tuple, self.arms)
        match self.owner:
            case Branch(tests):
                return Branch(tuple(zip((test for test, _ in tests), arms, strict=True)))
            case Spin(index, _):
                return Spin(index, tuple(arms))
            case None:
                raise Underivable("a branch or a spintax group is torn apart")


def _rebuild(text: str, meanings: Sequence[Put | _Turn]) -> tuple[Node, ...]:
    levels = [_Level(None)]
    for token in filter(None, _MARK.split(text)):
        if not _MARK.fullmatch(token):
            levels[-1].arms[-1].append(Text(token))
            continue
        meaning = _meaning(token, meanings)
        if isinstance(meaning, Put):
            levels[-1].arms[-1].append(meaning)
        elif meaning.part == 0:
            levels.append(_Level(meaning.owner))
        else:
            _turn(levels, meaning)
    if len(levels) > 1:
        raise Underivable("a branch or a spintax group has lost its end")
    return tuple(levels[0].arms[0])


def _meaning(mark: str, meanings: Sequence[Put | _Turn]) -> Put | _Turn:
    number = int(mark[2:-1][:9])
    if number >= len(meanings):  # the HTML spelled a mark with entities
        raise Underivable("the HTML holds characters that cannot be kept in the text")
    return meanings[number]


def _turn(levels: list[_Level], turn: _Turn) -> None:
    level = levels[-1]
    if level.owner is not turn.owner or turn.part != len(level.arms):
        raise Underivable("a branch or a spintax group is torn apart")
    total = len(turn.owner.arms if isinstance(turn.owner, Branch) else turn.owner.options)
    if turn.part < total:
        level.arms.append([])
    else:
        levels.pop()
        levels[-1].arms[-1].append(level.whole())
