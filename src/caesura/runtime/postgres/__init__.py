"""Caesura's own PostgreSQL: found, made, started, shared by several programs, and stopped when the last one leaves."""

from caesura.runtime.postgres.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
