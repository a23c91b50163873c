"""The environment variables of this process, beside the settings."""

import os
from collections.abc import Mapping


def variables() -> Mapping[str, str]:
    """All of them."""
    return os.environ


def is_debugging() -> bool:
    """Whether tracebacks are wanted: CAESURA_DEBUG is set to something."""
    return bool(os.environ.get("CAESURA_DEBUG"))


def for_children(**changes: str) -> dict[str, str]:
    """The environment for a program that must see none of our settings, but `changes`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CAESURA_")} | changes
