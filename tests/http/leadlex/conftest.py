"""The client of this door for every test here."""

from leadlex_client import lexi

__all__ = ["lexi"]
