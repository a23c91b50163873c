"""The native API under `/api/v1`: one module per resource, each with its `router` and `TAG`."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from caesura.http.native import (
    approvals,
    campaigns,
    correspondence,
    enrollments,
    events,
    holds,
    imports,
    inbound,
    keys,
    lead_properties,
    leads,
    lists,
    mailboxes,
    mailings,
    messages,
    pools,
    segments,
    suppression_groups,
    suppressions,
    templates,
    webhook_deliveries,
    webhooks,
    why,
    workers,
    workspace,
    workspaces,
)

_RESOURCES: tuple[Any, ...] = (
    campaigns,
    leads,
    lead_properties,
    lists,
    segments,
    enrollments,
    imports,
    suppressions,
    suppression_groups,
    mailings,
    templates,
    messages,
    correspondence,
    inbound,
    events,
    webhooks,
    mailboxes,
    pools,
    holds,
    why,
    approvals,
    workspace,
    workspaces,
    workers,
    keys,
)

TAGS = tuple(resource.TAG for resource in _RESOURCES)


def routers() -> Sequence[APIRouter]:
    """The routers of all resources; each knows its whole prefix."""
    return (*(resource.router for resource in _RESOURCES), webhook_deliveries.router)
