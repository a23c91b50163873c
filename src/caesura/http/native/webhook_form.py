"""The native door's webhooks: Standard Webhooks 1.0.0, with the event log's own kinds and ids."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from standardwebhooks import Webhook

from caesura.domain.event_kinds import MEANINGS
from caesura.domain.webhook_form import EVERYTHING, Facts, Notice, Occurrence, Parcel, WebhookForm
from caesura.http.native.event_fields import about

TEST = "webhook.test"
SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32


class NativeForm:
    """As `WebhookForm` says. The key of a notice is the `webhook-id`: that of its event, `evt_6`."""

    dialect = "native"
    names = frozenset(MEANINGS) | {EVERYTHING}
    batch = 1
    # 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: about three days.
    retries = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
    timeout = 15.0
    unsubscribing = frozenset({410})

    def new_secret(self, entropy: Callable[[int], bytes]) -> str:
        """32 random bytes in base64, after `whsec_`."""
        return SECRET_PREFIX + base64.b64encode(entropy(SECRET_BYTES)).decode("ascii")

    def translate(self, event: Occurrence, facts: Facts) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Each event as it is in the log."""
        return [(event.kind, about(event))]

    def body(self, notices: Sequence[Notice]) -> bytes:
        """`{"type", "timestamp", "data"}`."""
        [notice] = notices
        return msgspec.json.encode({"type": notice.name, "timestamp": notice.at, "data": notice.data})

    def headers(self, parcel: Parcel, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """`webhook-id`, `webhook-timestamp` and `webhook-signature`: one signature for each good secret."""
        text = parcel.body.decode()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Caesura-Webhooks/1.0",
            "webhook-id": parcel.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(Webhook(secret).sign(parcel.key, now, text) for secret in secrets),
        }


NATIVE: WebhookForm = NativeForm()
