"""The AutoSend door, at `/autosend/v1`."""

from caesura.http.autosend import campaigns
from caesura.http.autosend.door import AUTOSEND

# Each module puts its operations into the door when it is imported.
RESOURCES = (campaigns,)

__all__ = ["AUTOSEND", "RESOURCES"]
