"""The client of this door for every test here."""

from leadterra_client import terra

__all__ = ["terra"]
