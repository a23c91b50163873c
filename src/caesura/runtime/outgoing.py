"""The settings that every SMTP connection depends on: looked at before anything starts."""

from caesura.domain.errors import Invalid, Problem
from caesura.protocol.smtp import is_helo_name
from caesura.runtime.settings import Settings
from caesura.worker.transport import tls_context


def check_outgoing(settings: Settings) -> None:
    """Raises Invalid `bad_setting` for a `helo_name` or a `ca_file` with which no connection could be made.

    Not asked by every command: a pause must not fail for a file that only the workers need.
    """
    problems = []
    if settings.helo_name is not None and not is_helo_name(settings.helo_name):
        detail = f"{settings.helo_name!r} is not a host name such as mail.example.com, nor [192.0.2.1] or [IPv6:...]"
        problems.append(Problem("bad_setting", f"helo_name: {detail}"))
    if settings.ca_file is not None:
        try:
            tls_context(settings.ca_file)
        except OSError as error:
            detail = f"no certificate authorities can be read from {settings.ca_file}: {error.strerror or error}"
            problems.append(Problem("bad_setting", f"ca_file: {detail}"))
    if problems:
        raise Invalid.of(*problems)
