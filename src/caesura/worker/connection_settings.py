"""How a mailbox's server is spoken to: its plan, as the settings of a connection."""

from caesura.domain.plan import Transport
from caesura.protocol.smtp import Credentials, FailureKind, Mechanism, SessionFailure, Stage, TlsMode
from caesura.worker.transport import ConnectionSettings, SessionFailed, Timeouts


def settings_for(
    transport: Transport, helo_name: str | None, ca_file: str | None, timeouts: Timeouts
) -> ConnectionSettings:
    """The settings of every connection to this server, for sending as for trying.

    Raises SessionFailed `secret_unreadable` for a mailbox whose password cannot be opened: no server is asked then.
    """
    if transport.unreadable is not None:
        raise SessionFailed(
            SessionFailure(FailureKind.SECRET, Stage.CONNECT, "secret_unreadable", transport.unreadable)
        )
    credentials = None
    if transport.username is not None and transport.secret is not None:
        mechanism = Mechanism(transport.auth.upper()) if transport.auth else None
        credentials = Credentials(transport.username, transport.secret, mechanism)
    return ConnectionSettings(
        transport.host,
        transport.port,
        TlsMode(transport.tls),
        credentials,
        ca_file=ca_file,
        helo_name=helo_name,
        # With tls "none" the definition has made sure that the host is near, or that the owner allows it.
        allow_unencrypted_login=transport.tls == "none",
        timeouts=timeouts,
    )
