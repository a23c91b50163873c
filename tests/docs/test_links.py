"""Every link of the documents leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[2]

_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def links(text: str) -> list[str]:
    """The targets of the links in a text that lead to a place in this repository."""
    targets = [found["target"] for found in _LINK.finditer(_CODE.sub("", text))]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def fault(page: Path, target: str) -> str | None:
    """Why a link leads nowhere, or None."""
    path, _, anchor = target.partition("#")
    place = (page.parent / unquote(path)).resolve() if path else page
    if not place.is_relative_to(ROOT) or not place.exists():
        return "there is no such file"
    if anchor and anchor not in anchors(place.read_text(encoding="utf-8")):
        return "there is no such heading"
    return None


def test_every_relative_link_leads_to_a_file_and_a_heading(pages) -> None:
    found = [(str(page), target, fault(page.path, target)) for page in pages for target in links(page.prose)]
    assert [one for one in found if one[2] is not None] == []
    assert len(found) > 50


def test_every_page_of_the_docs_can_be_reached_from_the_readme(pages) -> None:
    texts = {page.path: page.prose for page in pages}
    waiting, seen = [ROOT / "README.md"], set()
    while waiting:
        page = waiting.pop()
        if page not in seen and page in texts:
            seen.add(page)
            waiting += [(page.parent / target.partition("#")[0]).resolve() for target in links(texts[page])]
    assert [str(page) for page in pages if page.path not in seen] == []


def test_a_broken_link_is_noticed() -> None:
    text = "[a](README.md), [b](https://example.com), `[c](nowhere.md)` and [d `x`](nowhere.md#there)"
    assert links(text) == ["README.md", "nowhere.md#there"]
    assert fault(ROOT / "README.md", "nowhere.md") == "there is no such file"
    assert fault(ROOT / "README.md", "../../etc/passwd") == "there is no such file"
    assert fault(ROOT / "README.md", "#no-such-heading") == "there is no such heading"
    assert anchors("# One `two`\n## What's [[steps]]?") == {"one-two", "whats-steps"}
