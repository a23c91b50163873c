"""The Woodpecker door, at `/woodpecker/rest`: its versions v1 and v2, which have errors of different shapes."""

from caesura.http.woodpecker import (
    account,
    blacklist,
    campaign_list,
    campaigns,
    inbox,
    mailboxes,
    prospects,
    status,
    steps,
    webhooks,
)
from caesura.http.woodpecker.door import WOODPECKER

# Each module puts its operations into the door when it is imported.
RESOURCES = (status, campaigns, steps, campaign_list, prospects, mailboxes, inbox, blacklist, webhooks, account)

__all__ = ["RESOURCES", "WOODPECKER"]
