"""The native API under `/api/v1`: one module per resource, each with its `router` and `TAG`."""

from collections.abc import Sequence

from fastapi import APIRouter

from caesura.http.native import campaigns, holds, keys, mailboxes, pools

TAGS = (campaigns.TAG, mailboxes.TAG, pools.TAG, holds.TAG, keys.TAG)


def routers() -> Sequence[APIRouter]:
    """The routers of all resources; each knows its whole prefix."""
    return (campaigns.router, mailboxes.router, pools.router, holds.router, keys.router)
