"""The tools, each with the scope of the native route that does the same, and with what clients are told about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import ToolAnnotations

from caesura.domain.scopes import Scope
from caesura.http.mcp import campaigns, leads, steering

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
_HALTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
# What was sent to people cannot be taken back.
_SENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. `function` takes a Call first; its docstring, parameters and result are what a client sees."""

    function: Callable[..., Any]
    scope: Scope
    hints: ToolAnnotations

    @property
    def name(self) -> str:
        """As a client calls it."""
        return self.function.__name__


TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(campaigns.list_campaigns, Scope.CAMPAIGNS_READ, _READS),
        Tool(campaigns.get_campaign, Scope.CAMPAIGNS_READ, _READS),
        Tool(campaigns.create_campaign, Scope.CAMPAIGNS_WRITE, _ADDS),
        Tool(campaigns.edit_campaign, Scope.CAMPAIGNS_WRITE, _CHANGES),
        Tool(campaigns.check_campaign, Scope.CAMPAIGNS_READ, _READS),
        Tool(campaigns.get_report, Scope.CAMPAIGNS_READ, _READS),
        Tool(campaigns.explain, Scope.CAMPAIGNS_READ, _READS),
        Tool(leads.list_leads, Scope.LEADS_READ, _READS),
        Tool(leads.get_lead, Scope.LEADS_READ, _READS),
        Tool(leads.save_leads, Scope.LEADS_WRITE, _CHANGES),
        Tool(leads.enrol_leads, Scope.LEADS_WRITE, _SENDS),
        Tool(leads.list_enrollments, Scope.CAMPAIGNS_READ, _READS),
        Tool(steering.preview_start, Scope.CAMPAIGNS_SEND, _READS),
        Tool(steering.start_campaign, Scope.CAMPAIGNS_SEND, _SENDS),
        Tool(steering.pause_campaign, Scope.CAMPAIGNS_SEND, _HALTS),
        Tool(steering.preview_resume, Scope.CAMPAIGNS_SEND, _READS),
        Tool(steering.resume_campaign, Scope.CAMPAIGNS_SEND, _SENDS),
    )
}
"""By name."""
