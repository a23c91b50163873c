"""The examples are what their script makes, and hold the awkward cases that they promise."""

import importlib.util
from collections import Counter
from pathlib import Path

from caesura.cli.campaign_file import load_campaign_file
from caesura.domain.lead_file import LeadRow, RejectedRow, read_leads
from caesura.domain.templates import compile_template

EXAMPLES = Path(__file__).parents[2] / "examples"


def leads_and_rejections() -> tuple[list[LeadRow], list[RejectedRow]]:
    rows = list(read_leads([(EXAMPLES / "leads.csv").read_bytes()], "leads.csv"))
    leads = [row for row in rows if isinstance(row, LeadRow)]
    return leads, [row for row in rows if isinstance(row, RejectedRow)]


def test_the_committed_leads_are_what_the_script_makes() -> None:
    specification = importlib.util.spec_from_file_location("make_leads", EXAMPLES / "make_leads.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (EXAMPLES / "leads.csv").read_bytes() == module.make().encode()


def test_the_leads_are_awkward_in_every_way() -> None:
    leads, rejections = leads_and_rejections()
    assert len({lead.key for lead in leads}) >= 500
    assert len(leads) - len({lead.key for lead in leads}) == 7
    assert sum(lead.address.needs_smtputf8 for lead in leads) == 3
    assert any(lead.address.domain.startswith("xn--") for lead in leads)
    assert any("\n" in value for lead in leads for value in lead.fields.values())
    assert not any(
        {"\r", "\n"} & set(lead.fields.get(name, "")) for lead in leads for name in ("first_name", "company")
    )
    assert {row.code for row in rejections} == {
        "address_missing", "address_syntax", "address_domain", "address_too_long", "address_display_name",
        "address_quoted", "address_literal", "address_several", "address_invisible", "unknown_time_zone",
        "too_many_cells", "too_few_cells", "bad_quotes",
    }  # fmt: skip
    assert max(Counter(row.line for row in rejections).values()) == 1


def test_every_step_can_be_written_to_every_lead() -> None:
    campaign = load_campaign_file(EXAMPLES / "campaign.toml", {}).campaign
    assert campaign is not None
    assert [step.delay for step in campaign.steps] == [0, 2, 2]
    leads, _ = leads_and_rejections()
    for step in campaign.steps:
        for variant in step.variants:
            assert variant.text and variant.html
            parts = [(variant.text, False, False), (variant.html, True, False), (variant.subject or "x", False, True)]
            for source, is_html, is_subject in parts:
                template = compile_template(source, "/steps", is_html, is_subject)
                for lead in leads:
                    assert template.render({**campaign.defaults, **lead.fields}, lead.key).strip()
