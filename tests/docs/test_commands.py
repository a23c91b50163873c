"""What the documents tell people to type can be typed: commands, requests, campaign files."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from reference import surface
from typer import Exit

from caesura.cli.campaign_file import load_campaign_file
from caesura.http.door import Support
from caesura.http.doors import doors
from caesura.http.native.campaign_views import StatusView
from caesura.runtime.settings import Settings
from caesura.service.plans import compile_steps

_SHELL = ("sh", "bash", "console")
_COMMAND = re.compile(r"(?:^|[\s(|;&])(?:\S*/)?(caesura [^|;&)#\n]*)")
_INLINE = re.compile(r"`(?:\S*/)?(caesura(?: [^`]*)?)`")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_.a-z]*|\.\.\.|\[.*\]")


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of each `caesura` command in a piece of shell."""
    for line in text.replace("\\\n", " ").splitlines():
        for found in _COMMAND.finditer(line.split(" #")[0]):
            yield shlex.split(found[1])


def fault_of(words: list[str]) -> str | None:
    """Why a command line is wrong, or None. Nothing is run."""
    command = surface.root_command()
    context = command.context_class(command, info_name=words[0])
    rest = words[1:]
    try:
        while rest and hasattr(command, "commands"):
            _, command, rest = command.resolve_command(context, rest)
        command.make_context(" ".join(words), list(rest))
    except Exit:
        return None  # it printed its help
    except Exception as error:
        return f"{shlex.join(words)}: {getattr(error, 'message', error)}"
    return None


def option_fault(words: list[str]) -> str | None:
    """For a command that is only mentioned: whether it and its options exist."""
    command = surface.root_command()
    for word in words[1:]:
        inner = getattr(command, "commands", None)
        if inner is None or word.startswith("-") or _PLACEHOLDER.fullmatch(word):
            break
        if word not in inner:
            return f"{shlex.join(words)}: there is no command {word!r}"
        command = inner[word]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    wrong = [word for word in words[1:] if word.startswith("-") and word.partition("=")[0] not in known]
    return f"{shlex.join(words)}: there is no {wrong[0]}" if wrong else None


def test_every_command_in_a_block_of_shell_can_be_typed(written) -> None:
    checked = [
        (f"{block}", fault_of(words))
        for page in written
        for block in page.blocks
        if block.language in _SHELL
        for words in command_lines(block.body)
    ]
    assert [one for one in checked if one[1]] == []
    assert len(checked) > 20


def test_every_command_that_is_mentioned_exists(written) -> None:
    checked = [
        (str(page), option_fault(shlex.split(found[1]))) for page in written for found in _INLINE.finditer(page.prose)
    ]
    assert [one for one in checked if one[1]] == []
    assert len(checked) > 20


def test_a_command_that_is_not_there_is_noticed() -> None:
    assert fault_of(["caesura", "pawse", "Spring"])
    assert fault_of(["caesura", "pause", "Spring", "--waite", "3"])
    assert fault_of(["caesura", "pause"])
    assert fault_of(["caesura", "pause", "Spring", "--wait", "3"]) is None
    assert option_fault(["caesura", "pause", "--waite"])
    assert option_fault(["caesura", "hold", "plaice"])
    assert option_fault(["caesura", "pause", "CAMPAIGN", "--wait"]) is None
    assert list(command_lines("KEY=$(caesura key create) # caesura no\nx | .venv/bin/caesura \\\n status A")) == [
        ["caesura", "key", "create"],
        ["caesura", "status", "A"],
    ]


def requests(text: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Method, path and the names of query parameters of each curl in a piece of shell."""
    for line in text.replace("\\\n", " ").splitlines():
        if "curl " not in line:
            continue
        words = shlex.split(line.partition("curl ")[2].rstrip(")"))
        url = next(word for word in words if "://" in word or word.startswith("$URL"))
        parts = urlsplit(url.replace("$URL", "http://host"))
        has_body = any(word in ("-d", "--data", "--json", "--data-binary") for word in words)
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if has_body else "GET"
        yield method, parts.path, frozenset(parse_qs(parts.query))


def route_fault(method: str, path: str, names: frozenset[str]) -> str | None:
    """Why the API does not take this request, or None."""
    if (method, path) == ("GET", "/openapi.json"):
        return None
    for template, operations in surface.openapi()["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/{]+", template.replace("{value}", ".+"))
        if re.fullmatch(pattern, path) and method.lower() in operations:
            parameters = operations[method.lower()].get("parameters", ())
            unknown = names - {one["name"] for one in parameters if one["in"] == "query"}
            return f"{method} {path} takes no {', '.join(unknown)}" if unknown else None
    for door in doors():
        for one in door.operations:
            if one.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/{]+", door.prefix + one.path), path):
                return f"the {door.name} door has not {method} {path}" if one.support is Support.NONE else None
    return f"there is no {method} {path}"


def test_every_request_in_the_documents_is_one_that_the_api_takes(written) -> None:
    checked = [
        (str(block), route_fault(*request))
        for page in written
        for block in page.blocks
        if block.language in _SHELL
        for request in requests(block.body)
    ]
    assert [one for one in checked if one[1]] == []
    assert len(checked) > 5


def test_every_route_that_is_mentioned_exists(written) -> None:
    routes = {
        f"{method.upper()} {path}" for path, operations in surface.openapi()["paths"].items() for method in operations
    } | {"GET /openapi.json"}
    mentioned = {
        (str(page), found)
        for page in written
        for found in re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`?]*)`", page.prose)
    }
    assert {one for one in mentioned if one[1] not in routes} == set()
    assert mentioned


def test_a_request_that_is_not_there_is_noticed() -> None:
    assert list(requests('curl $URL/api/v1/x \\\n  -d "{}"')) == [("POST", "/api/v1/x", frozenset())]
    assert route_fault("GET", "/api/v1/nothing", frozenset())
    assert route_fault("GET", "/api/v1/campaigns/cmp_1/pause", frozenset())
    assert route_fault("POST", "/api/v1/campaigns/cmp_1/pause", frozenset({"waite"}))
    assert route_fault("POST", "/api/v1/campaigns/cmp_1/pause", frozenset({"wait"})) is None


def test_every_variable_of_the_environment_in_the_documents_is_a_setting(written) -> None:
    known = {f"CAESURA_{name.upper()}" for name in Settings.model_fields}
    known |= {"CAESURA_DEBUG", "CAESURA_TEST_POSTGRES_BIN_DIR"}
    named = {(str(page), name) for page in written for name in re.findall(r"CAESURA_[A-Z_]*[A-Z]", page.text)}
    assert {one for one in named if one[1] not in known} == set()
    assert named


def test_every_campaign_file_in_the_documents_is_valid(written, tmp_path: Path) -> None:
    blocks = [block for page in written for block in page.blocks if block.language == "toml"]
    files = [block for block in blocks if re.search(r"^\[\[(?:steps|mailboxes)\]\]$", block.body, re.MULTILINE)]
    assert len(files) > 2
    for block in files:
        for name in re.findall(r'_file = "([^"]+)"', block.body):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("Hi", encoding="utf-8")
        path = tmp_path / "campaign.toml"
        path.write_text(block.body, encoding="utf-8")
        variables = dict.fromkeys(re.findall(r'password_env = "(\w+)"', block.body), "secret")
        definitions = load_campaign_file(path, variables)
        assert definitions.campaign or definitions.mailboxes, block
        compile_steps(definitions.campaign.steps if definitions.campaign else ())


def test_every_answer_in_the_documents_has_the_fields_of_the_api(written) -> None:
    answers = [block for page in written for block in page.blocks if block.language == "json"]
    pauses = [(str(block), answer) for block in answers if "in_transit" in (answer := json.loads(block.body))]
    assert pauses
    for place, answer in pauses:
        assert StatusView.model_validate(answer), place
        assert answer.keys() == StatusView.model_fields.keys(), place


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_what_people_look_for_first_is_there(name: str) -> None:
    assert (Path(__file__).parents[2] / name).stat().st_size > 500
