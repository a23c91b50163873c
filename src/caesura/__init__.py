"""Caesura: an engine for email campaigns whose start, pause and resume can be trusted."""

__version__ = "0.1.0"
