"""Whether a mailbox's server can be reached and lets us in, without sending anything."""

from caesura.domain.plan import Transport
from caesura.protocol.smtp import SessionFailure
from caesura.worker.connection_settings import settings_for
from caesura.worker.transport import SessionFailed, Timeouts, connect


async def reach(
    transport: Transport, helo_name: str | None, ca_file: str | None, seconds: float
) -> SessionFailure | None:
    """Connects, encrypts, logs in and says QUIT; answers why that failed, or None. Each wait has at most `seconds`."""
    timeouts = Timeouts(connect=seconds, tls=seconds, greeting=seconds, command=seconds, goodbye=1.0)
    try:
        connection = await connect(settings_for(transport, helo_name, ca_file, timeouts))
    except SessionFailed as error:
        return error.failure
    await connection.quit()
    return None
