"""SMTP as a client speaks it (RFC 5321), sans-IO: no socket, no clock, no thread."""

from caesura.protocol.smtp.authentication import Credentials, Mechanism
from caesura.protocol.smtp.handshake import SessionSettings, TlsMode, is_helo_name
from caesura.protocol.smtp.message import Capabilities, Envelope, is_safe_address
from caesura.protocol.smtp.outcome import FailureKind, Kind, Outcome, SessionFailure, Stage
from caesura.protocol.smtp.pipeline import Wait
from caesura.protocol.smtp.replies import Reply, ReplyReader, ReplyViolation
from caesura.protocol.smtp.session import Phase, Session

__all__ = [
    "Capabilities",
    "Credentials",
    "Envelope",
    "FailureKind",
    "Kind",
    "Mechanism",
    "Outcome",
    "Phase",
    "Reply",
    "ReplyReader",
    "ReplyViolation",
    "Session",
    "SessionFailure",
    "SessionSettings",
    "Stage",
    "TlsMode",
    "Wait",
    "is_helo_name",
    "is_safe_address",
]
