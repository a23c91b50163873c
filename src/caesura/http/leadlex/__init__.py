"""The LeadLex door, at `/leadlex/functions/v1/api-gateway`."""

from caesura.http.leadlex import pausing, starting
from caesura.http.leadlex.door import LEADLEX

# Each module puts its operations into the door when it is imported.
RESOURCES = (pausing, starting)

__all__ = ["LEADLEX", "RESOURCES"]
