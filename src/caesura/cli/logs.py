"""Where the log goes: standard error, in colour on a terminal, else one JSON object to a line."""

import logging
import sys
from typing import TextIO, cast

import structlog


class _StandardError:
    """Standard error as it is when something is written: it may have been exchanged since the log was set up."""

    def write(self, text: str) -> int:
        """As a text stream does."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """As a text stream does."""
        sys.stderr.flush()


def configure_logs() -> None:
    """Sets up the log of a server or worker. Standard output stays for the one line that says `ready`."""
    on_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if on_terminal:
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if on_terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
