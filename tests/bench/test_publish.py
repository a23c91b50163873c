"""The pages show what a run has written, and nothing else."""

import json

import pytest
from bench.publish import PAGES, RESULTS, page_with, sources_of

CONTENT = {
    "at": "2030-01-31T09:00:00+00:00",
    "seconds": 600,
    "machine": {"cores": 2, "processor": "Some CPU", "memory_gb": 23.4, "kernel": "6.1"},
    "versions": {"caesura": "abc", "python": "3.11.7", "postgres": "18.1", "postfix": "3.7"},
    "suites": {
        "send": {
            "figures": [{"name": "caesura", "unit": "/s", "median": 5000, "min": 1, "max": 2, "rounds": 1}],
            "bars": [{"name": "rate", "bar": "at least 5,000/s", "value": 4000, "unit": "/s", "met": False}],
            "notes": [],
            "broken": [],
        }
    },
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_holds_what_the_files_that_it_names_say(page) -> None:
    text = page.read_text(encoding="utf-8")
    for name in sources_of(text):
        assert page_with(text, name, json.loads((RESULTS / name).read_text(encoding="utf-8"))) == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_takes_the_results_of_a_run_and_names_it(page) -> None:
    text = page.read_text(encoding="utf-8")
    changed = page_with(text, "2030.json", CONTENT)
    assert sources_of(changed)[0] == "2030.json"
    assert "Run at 2030-01-31T09:00:00+00:00, of commit abc, in 10 minutes, on 2 cores of Some CPU, 23 GB" in changed
    assert page_with(changed, "none", None) == page_with(text, "none", None)
    assert ("| send | rate | 4,000/s | at least 5,000/s | missed |" in changed) == (page.name == "README.md")
    assert ("| Messages a second | 5,000 | 50,000 | 500,000 |" in changed) == (page.name == "scaling.md")
    assert ("caesura      5,000/s" in changed) == (page.name == "benchmarks.md")


def test_the_results_of_the_suite_that_runs_alone_stand_beside_those_of_a_run_of_all_others() -> None:
    text = "<!-- figures of a.json -->\n<!-- end of figures -->\n<!-- alone of none -->\n<!-- end of alone -->\n"
    alone = {**CONTENT, "suites": {"bloat": CONTENT["suites"]["send"]}}
    changed = page_with(page_with(text, "b.json", alone), "c.json", CONTENT)
    assert sources_of(changed) == ["c.json", "b.json"]
    assert changed.index("== send") < changed.index("== bloat")
