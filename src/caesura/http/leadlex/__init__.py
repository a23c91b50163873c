"""The LeadLex door, at `/leadlex/functions/v1/api-gateway`."""

from caesura.http.leadlex import (
    absent,
    api_keys,
    campaigns,
    contact_files,
    contacts,
    enrollments,
    lists,
    pausing,
    starting,
    steps,
    tasks,
    webhooks,
)
from caesura.http.leadlex.door import LEADLEX

# Each module puts its operations into the door when it is imported.
RESOURCES = (
    campaigns,
    steps,
    enrollments,
    starting,
    pausing,
    tasks,
    contact_files,
    contacts,
    lists,
    webhooks,
    api_keys,
    absent,
)

__all__ = ["LEADLEX", "RESOURCES"]
