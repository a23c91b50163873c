"""Loads a campaign file: TOML, with the texts of its steps in Markdown and HTML files beside it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from caesura.domain.apply_file import ApplyFile, read_apply_file
from caesura.domain.errors import Invalid, Problem

MAXIMUM_FILE_BYTES = 10_000_000
MAXIMUM_BODY_FILE_BYTES = 500_000
MAXIMUM_KEY_FILE_BYTES = 10_000

_SUFFIXES = {"text": (".md", ".txt"), "html": (".html", ".htm")}
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


def load_campaign_file(path: Path, environment: Mapping[str, str]) -> ApplyFile:
    """The definitions in the TOML file at `path`.

    A step or variant may have `text_file` (.md, .txt) and `html_file` (.html, .htm) in place of `text`
    and `html`: paths from the TOML file's folder, and never out of it. A mailbox's transport may have
    `password_env`, the name of a variable in `environment`, in place of `password`; its dkim may have
    `private_key_file`, a path from the same folder that may lead anywhere, in place of `private_key`.

    Raises Invalid with `file`, and `line` or `pointer`: `file_missing`, `file_unreadable`,
    `file_too_large` (10 MB; 500 kB for a text), `wrong_encoding`, `toml_syntax`, `file_outside`,
    `unknown_file_type`, `text_and_file`, `key_and_file`, `password_and_env`, `env_missing`, and what
    `read_apply_file` raises.
    """
    data = _parse(_read_text(path, MAXIMUM_FILE_BYTES, str(path), None), str(path))
    loader = _Loader(path, environment)
    for pointer, content in _contents(data):
        loader.put_texts(content, pointer)
    for pointer, mailbox in _tables(data.get("mailboxes"), "/mailboxes"):
        if isinstance(mailbox.get("transport"), dict):
            loader.put_password(mailbox["transport"], f"{pointer}/transport")
        if isinstance(mailbox.get("dkim"), dict) and not loader.put_key(mailbox["dkim"], f"{pointer}/dkim"):
            # What is wrong is told; that there is no key would be told as another problem.
            del mailbox["dkim"]
    try:
        definitions = read_apply_file(data, str(path))
    except Invalid as error:
        raise Invalid.of(*loader.problems, *error.problems) from error
    if loader.problems:
        raise Invalid.of(*loader.problems)
    return definitions


class _Loader:
    """Puts what the TOML only refers to in its place, and gathers what cannot be found."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._file = str(path)
        self._folder = path.parent.resolve()
        self._environment = environment

    def put_texts(self, content: dict[str, Any], pointer: str) -> None:
        for name, suffixes in _SUFFIXES.items():
            key = f"{name}_file"
            if key not in content:
                continue
            named = content.pop(key)
            place = f"{pointer}/{key}"
            if name in content:
                self._note("text_and_file", f"Give either {name} or {key}.", place)
                continue
            try:
                content[name] = self._body(named, suffixes, place)
            except Invalid as error:
                self.problems += error.problems
                # Stands in for the text, so that its absence is not told as another problem.
                content[name] = ""

    def put_password(self, transport: dict[str, Any], pointer: str) -> None:
        if "password_env" not in transport:
            return
        named = transport.pop("password_env")
        place = f"{pointer}/password_env"
        password = self._environment.get(named, "") if isinstance(named, str) else ""
        if "password" in transport:
            self._note("password_and_env", "Give either password or password_env.", place)
        elif not isinstance(named, str):
            self._note("wrong_type", "This must be the name of an environment variable.", place)
        elif not password:
            self._note("env_missing", f"The environment variable {named[:100]!r} is not set.", place)
        transport.setdefault("password", password or "-")

    def put_key(self, dkim: dict[str, Any], pointer: str) -> bool:
        """Whether there was no file to read, or it could be read."""
        if "private_key_file" not in dkim:
            return True
        named = dkim.pop("private_key_file")
        place = f"{pointer}/private_key_file"
        if "private_key" in dkim:
            self._note("key_and_file", "Give either private_key or private_key_file.", place)
            return False
        try:
            if not isinstance(named, str):
                raise self._invalid("wrong_type", "This must be a text: the path of a file.", place)
            dkim["private_key"] = _read_text(self._folder / named, MAXIMUM_KEY_FILE_BYTES, self._file, place)
        except Invalid as error:
            self.problems += error.problems
            return False
        return True

    def _body(self, named: object, suffixes: tuple[str, ...], place: str) -> str:
        if not isinstance(named, str):
            raise self._invalid("wrong_type", "This must be a text: the path of a file.", place)
        if not named.lower().endswith(suffixes):
            raise self._invalid("unknown_file_type", f"The file must be one of {', '.join(suffixes)}.", place)
        try:
            path = (self._folder / named).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise self._invalid("file_unreadable", f"{named[:200]!r} is not a path.", place) from error
        if Path(named).is_absolute() or not path.is_relative_to(self._folder):
            detail = f"{named[:200]!r} is outside the folder of the campaign file."
            raise self._invalid("file_outside", detail, place)
        return _read_text(path, MAXIMUM_BODY_FILE_BYTES, self._file, place)

    def _note(self, code: str, detail: str, pointer: str) -> None:
        self.problems.append(Problem(code, detail, pointer, self._file))

    def _invalid(self, code: str, detail: str, pointer: str) -> Invalid:
        return Invalid.of(Problem(code, detail, pointer, self._file))


def _read_text(path: Path, maximum_bytes: int, file: str, pointer: str | None) -> str:
    """The text at `path`; faults are told at `pointer` in `file` if it is referred to from there."""
    name = path.name

    def invalid(code: str, detail: str, line: int | None = None) -> Invalid:
        return Invalid.of(Problem(code, detail, pointer, file, line if pointer is None else None))

    try:
        with path.open("rb") as stream:
            data = stream.read(maximum_bytes + 1)
    except FileNotFoundError as error:
        raise invalid("file_missing", f"There is no file {name}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not a path"
        raise invalid("file_unreadable", f"{name} cannot be read: {reason}.") from error
    if len(data) > maximum_bytes:
        raise invalid("file_too_large", f"{name} is larger than {maximum_bytes // 1000} kB.")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        detail = f"{name} is not UTF-8: line {line}, byte offset {error.start}."
        raise invalid("wrong_encoding", detail, line) from error


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        at_end = text.count("\n") + (not text.endswith("\n"))
        line = int(place["line"]) if place and place["line"] else max(at_end, 1)
        column = f", column {place['column']}" if place and place["column"] else ""
        detail = f"This is not TOML: {_PLACE.sub('', message)[:300]} (line {line}{column})."
        raise Invalid.of(Problem("toml_syntax", detail, file=file, line=line)) from error
    except (RecursionError, ValueError) as error:
        detail = "This is not TOML: it is nested too deeply." if isinstance(error, RecursionError) else str(error)[:300]
        raise Invalid.of(Problem("toml_syntax", detail, file=file)) from error


def _contents(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step and every variant, with its pointer; what has another shape is left to the validation."""
    for pointer, step in _tables(data.get("steps"), "/steps"):
        yield pointer, step
        yield from _tables(step.get("variants"), f"{pointer}/variants")


def _tables(value: object, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            if isinstance(item, dict):
                yield f"{pointer}/{place}", item
