"""The Leadterra door, at `/leadterra`."""

from caesura.http.leadterra import campaigns, leads, missing, replies, senders, status, webhooks
from caesura.http.leadterra.door import LEADTERRA

# Each module puts its operations into the door when it is imported.
RESOURCES = (campaigns, status, leads, senders, replies, webhooks, missing)

__all__ = ["LEADTERRA", "RESOURCES"]
