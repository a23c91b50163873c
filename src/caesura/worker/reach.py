"""Whether a mailbox's server can be reached and lets us in, without sending anything."""

from caesura.domain.plan import Transport
from caesura.protocol.smtp import Credentials, Mechanism, SessionFailure, TlsMode
from caesura.worker.transport import ConnectionSettings, SessionFailed, Timeouts, connect


async def reach(
    transport: Transport, helo_name: str | None, ca_file: str | None, seconds: float
) -> SessionFailure | None:
    """Connects, encrypts, logs in and says QUIT; answers why that failed, or None. Each wait has at most `seconds`."""
    credentials = None
    if transport.username is not None and transport.secret is not None:
        mechanism = Mechanism(transport.auth.upper()) if transport.auth else None
        credentials = Credentials(transport.username, transport.secret, mechanism)
    settings = ConnectionSettings(
        transport.host,
        transport.port,
        TlsMode(transport.tls),
        credentials,
        ca_file=ca_file,
        helo_name=helo_name,
        # As when sending: with tls "none" the definition has made sure that the host is near, or the owner allows it.
        allow_unencrypted_login=transport.tls == "none",
        timeouts=Timeouts(connect=seconds, tls=seconds, greeting=seconds, command=seconds, goodbye=1.0),
    )
    try:
        connection = await connect(settings)
    except SessionFailed as error:
        return error.failure
    await connection.quit()
    return None
