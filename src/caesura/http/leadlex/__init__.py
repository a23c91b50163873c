"""The LeadLex door, at `/leadlex/functions/v1/api-gateway`."""

from caesura.http.leadlex import campaigns, enrollments, pausing, starting, steps
from caesura.http.leadlex.door import LEADLEX

# Each module puts its operations into the door when it is imported.
RESOURCES = (campaigns, steps, enrollments, starting, pausing)

__all__ = ["LEADLEX", "RESOURCES"]
