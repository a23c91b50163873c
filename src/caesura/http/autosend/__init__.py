"""The AutoSend door, at `/autosend/v1`."""

from caesura.http.autosend import (
    campaigns,
    contact_lists,
    contacts,
    mails,
    missing,
    projects,
    properties,
    senders,
    suppression_groups,
    templates,
    webhooks,
)
from caesura.http.autosend.door import AUTOSEND

# Each module puts its operations into the door when it is imported.
RESOURCES = (
    campaigns,
    contacts,
    contact_lists,
    properties,
    senders,
    templates,
    suppression_groups,
    mails,
    webhooks,
    projects,
    missing,
)

__all__ = ["AUTOSEND", "RESOURCES"]
