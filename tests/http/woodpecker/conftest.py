"""The client of this door for every test here."""

from woodpecker_client import bird

__all__ = ["bird"]
