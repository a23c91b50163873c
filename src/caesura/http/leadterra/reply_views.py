"""What came back, as the vendor shows it: in answers, and in what webhooks are told."""

from collections.abc import Mapping
from typing import Any

from caesura.domain.inbound import Classification, InboundKind
from caesura.http.leadterra.door import CAMPAIGN, REPLY, moment, shown

SNIPPET_LENGTH = 200

_BY_KIND: Mapping[str, str] = {
    InboundKind.AUTO_REPLY: "out_of_office",
    InboundKind.BOUNCE: "bounce",
    InboundKind.COMPLAINT: "unsubscribe",
    InboundKind.UNSUBSCRIBE: "unsubscribe",
}
_BY_CLASSIFICATION: Mapping[str, str] = {
    Classification.INTERESTED: "interested",
    Classification.MAYBE_LATER: "interested",
    Classification.NOT_INTERESTED: "not_interested",
    Classification.OUT_OF_OFFICE: "out_of_office",
}


def reply_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """One inbound, by its columns."""
    campaign_id = row["campaign_id"]
    return {
        "id": shown(REPLY, row["id"]),
        "email": row["address"] or row["from_address"] or "",
        "campaignId": None if campaign_id is None else shown(CAMPAIGN, campaign_id),
        "classification": _BY_KIND.get(row["kind"]) or _BY_CLASSIFICATION.get(row["classification"] or ""),
        "receivedAt": moment(row["received_at"]),
        "threadSnippet": " ".join((row["text"] or row["reason"] or row["subject"] or "").split())[:SNIPPET_LENGTH],
    }
