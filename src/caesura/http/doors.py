"""The vendors' doors that there are, in the order of the documents."""

from collections.abc import Sequence

from caesura.http.autosend import AUTOSEND
from caesura.http.door import Door
from caesura.http.leadlex import LEADLEX
from caesura.http.leadterra import LEADTERRA
from caesura.http.woodpecker import WOODPECKER


def doors() -> Sequence[Door]:
    """Each with all its operations."""
    return (LEADTERRA, LEADLEX, AUTOSEND, WOODPECKER)
