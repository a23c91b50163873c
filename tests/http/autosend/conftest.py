from autosend_client import sender

__all__ = ["sender"]
