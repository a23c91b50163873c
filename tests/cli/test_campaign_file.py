"""Campaign files: TOML with texts beside it."""

from pathlib import Path

import pytest
from signing_keys import rfc_key

from caesura.cli.campaign_file import load_campaign_file
from caesura.domain.apply_file import ApplyFile
from caesura.domain.errors import Invalid, Problem

MAILBOX = """
[[mailboxes]]
name = "anna"
address = "anna@example.com"
[mailboxes.transport]
host = "smtp.example.com"
username = "anna"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "campaign"
    inner.mkdir()
    (tmp_path / "secret.md").write_text("outside")
    return inner


def load(folder: Path, toml: str | bytes, **environment: str) -> ApplyFile:
    path = folder / "campaign.toml"
    path.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return load_campaign_file(path, environment)


def problems(folder: Path, toml: str | bytes, **environment: str) -> list[Problem]:
    with pytest.raises(Invalid) as caught:
        load(folder, toml, **environment)
    assert {problem.file for problem in caught.value.problems} == {str(folder / "campaign.toml")}
    return list(caught.value.problems)


def only(folder: Path, toml: str | bytes) -> tuple[str, str | None]:
    (problem,) = problems(folder, toml)
    return problem.code, problem.pointer


def step(fields: str) -> str:
    return f'name = "x"\n[[steps]]\nsubject = "Hello"\n{fields}\n'


def test_texts_come_from_files_beside_the_toml(folder: Path) -> None:
    (folder / "steps").mkdir()
    (folder / "steps" / "one.md").write_bytes("\ufeffHällo *you*\n".encode())
    (folder / "one.HTML").write_text("<p>Hi</p>")
    read = load(
        folder,
        'name = "x"\n[[steps]]\n[[steps.variants]]\nsubject = "a"\n'
        'text_file = "steps/one.md"\nhtml_file = "./one.HTML"\n'
        '[[steps]]\ndelay = "2s"\ntext_file = "steps/../steps/one.md"\n',
    )
    assert read.campaign is not None
    first, second = read.campaign.steps
    assert (first.variants[0].text, first.variants[0].html) == ("Hällo *you*\n", "<p>Hi</p>")
    assert (second.variants[0].text, second.delay) == ("Hällo *you*\n", 2)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ('"../secret.md"', "file_outside"),
        ('"link.md"', "file_outside"),
        ('"/etc/hosts.md"', "file_outside"),
        ('"none.md"', "file_missing"),
        ('"folder.md"', "file_unreadable"),
        ('"folder.md/x.md"', "file_missing"),
        ('"a\\u0000.md"', "file_unreadable"),
        ('"page.html"', "unknown_file_type"),
        ('""', "unknown_file_type"),
        ("5", "wrong_type"),
        ('"latin.md"', "wrong_encoding"),
        ('"large.md"', "file_too_large"),
    ],
)
def test_a_text_that_cannot_be_had_is_told_at_its_step(folder: Path, named: str, code: str) -> None:
    (folder / "link.md").symlink_to(folder.parent / "secret.md")
    (folder / "folder.md").mkdir()
    (folder / "page.html").write_text("x")
    (folder / "latin.md").write_bytes(b"one\nM\xfcller")
    (folder / "large.md").write_bytes(b"x" * 500_001)
    assert only(folder, step(f"text_file = {named}")) == (code, "/steps/0/text_file")


def test_all_faults_are_told_at_once(folder: Path) -> None:
    toml = (
        'name = "x"\nzone = "y"\n[[steps]]\nsubject = "s"\ntext_file = "a.md"\n'
        '[[steps]]\nvariants = [{html_file = "b.html", html = ""}]\n'
    )
    found = [(problem.code, problem.pointer) for problem in problems(folder, toml)]
    assert found == [
        ("file_missing", "/steps/0/text_file"),
        ("text_and_file", "/steps/1/variants/0/html_file"),
        ("unknown_time_zone", "/zone"),
    ]


@pytest.mark.parametrize(
    ("toml", "line", "words"),
    [
        ('name = "x"\npool = [\n', 2, "not TOML"),
        ('name = "x"\n\nname = "y"\n', 3, "column 11"),
        ("name = x\n", 1, "column 8"),
        ("= 5", 1, "column 1"),
        ('a = "' + "\n", 1, "column"),
    ],
)
def test_a_toml_error_has_its_line(folder: Path, toml: str, line: int, words: str) -> None:
    (problem,) = problems(folder, toml)
    assert (problem.code, problem.line) == ("toml_syntax", line)
    assert words in problem.detail


def test_toml_nested_without_end_is_refused(folder: Path) -> None:
    (problem,) = problems(folder, "a = " + "[" * 100_000)
    assert problem.code == "toml_syntax"
    (problem,) = problems(folder, "a = " + "1" * 10_000)
    assert problem.code == "toml_syntax"


def test_a_toml_file_in_another_encoding_is_refused_with_its_line(folder: Path) -> None:
    (problem,) = problems(folder, b'name = "x"\npool = "M\xfcller"\n')
    assert (problem.code, problem.line) == ("wrong_encoding", 2)
    assert "byte offset 20" in problem.detail


def test_a_toml_file_may_begin_with_a_utf8_mark(folder: Path) -> None:
    assert load(folder, b'\xef\xbb\xbfname = "x"\n').campaign is not None


def test_a_huge_toml_file_is_refused(folder: Path) -> None:
    assert only(folder, b"#" * 10_000_001) == ("file_too_large", None)


def test_a_missing_file_and_a_folder_are_told_apart(folder: Path) -> None:
    for path, code in ((folder / "none.toml", "file_missing"), (folder, "file_unreadable")):
        with pytest.raises(Invalid) as caught:
            load_campaign_file(path, {})
        assert caught.value.code == code


def test_the_password_comes_from_the_environment(folder: Path) -> None:
    read = load(folder, MAILBOX + 'password_env = "MAIL_PASSWORD"\n', MAIL_PASSWORD="sesame")
    password = read.mailboxes[0].transport.password
    assert password is not None and password.get_secret_value() == "sesame"
    assert read.campaign is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('password_env = "MAIL_PASSWORD"', "env_missing"),
        ("password_env = 5", "wrong_type"),
        ('password_env = "OTHER"\npassword = "x"', "password_and_env"),
    ],
)
def test_a_password_that_cannot_be_had_is_told(folder: Path, line: str, code: str) -> None:
    found = problems(folder, MAILBOX + line + "\n", OTHER="y", MAIL_PASSWORD="")
    assert [(problem.code, problem.pointer) for problem in found] == [(code, "/mailboxes/0/transport/password_env")]


def test_shapes_that_are_wrong_are_left_to_the_validation(folder: Path) -> None:
    toml = 'name = "x"\nsteps = [5, {variants = 5}]\nmailboxes = [{transport = 5}]\n'
    codes = {problem.code for problem in problems(folder, toml)}
    assert codes == {"wrong_type", "missing_field"}


SIGNING = MAILBOX + '[mailboxes.dkim]\ndomain = "example.com"\nselector = "a"\n'


@pytest.mark.parametrize("named", ["key.pem", "../key.pem", "{absolute}/key.pem"])
def test_the_key_that_signs_comes_from_a_file_anywhere(folder: Path, named: str) -> None:
    for place in (folder, folder.parent):
        (place / "key.pem").write_text(rfc_key())
    toml = SIGNING.replace('username = "anna"\n', "")
    read = load(folder, toml + f'private_key_file = "{named.format(absolute=folder.parent)}"\n')
    assert read.mailboxes[0].dkim is not None
    assert read.mailboxes[0].dkim.private_key.get_secret_value() == rfc_key()


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ('private_key_file = "none.pem"', "file_missing", "private_key_file"),
        ('private_key_file = "."', "file_unreadable", "private_key_file"),
        ("private_key_file = 5", "wrong_type", "private_key_file"),
        ('private_key_file = "bad.pem"', "dkim_key_unreadable", "private_key"),
        ('private_key_file = "bad.pem"\nprivate_key = "x"', "key_and_file", "private_key_file"),
        ("", "missing_field", "private_key"),
    ],
)
def test_a_key_that_cannot_be_had_is_one_problem(folder: Path, line: str, code: str, field: str) -> None:
    (folder / "bad.pem").write_text("sesame")
    toml = SIGNING.replace('username = "anna"\n', "") + line
    assert only(folder, toml) == (code, f"/mailboxes/0/dkim/{field}")
