"""The Woodpecker door, at `/woodpecker/rest`: its versions v1 and v2, which have errors of different shapes."""

from caesura.http.woodpecker import campaigns, status, steps
from caesura.http.woodpecker.door import WOODPECKER

# Each module puts its operations into the door when it is imported.
RESOURCES = (campaigns, status, steps)

__all__ = ["RESOURCES", "WOODPECKER"]
