"""What the vendor has and this door has not: the workspace of its sales people."""

from caesura.domain.scopes import Scope
from caesura.http.leadterra.door import LEADTERRA

_DRAFTS = "drafts written by a model"
_FOLLOW_UPS = "tasks to follow up"

for _method, _path, _what in (
    ("GET", "/v1/sdrs", "a list of sales people"),
    ("GET", "/v1/sdr/inbox", "an inbox for each sales person"),
    ("GET", "/v1/sdr/followups/due", _FOLLOW_UPS),
    ("POST", "/v1/sdr/followups/{followup_id}/complete", _FOLLOW_UPS),
    ("POST", "/v1/sdr/followups/{followup_id}/skip", _FOLLOW_UPS),
    ("POST", "/v1/sdr/followups/{followup_id}/reschedule", _FOLLOW_UPS),
    ("POST", "/v1/sdr/threads/{thread_id}/followup/schedule", _FOLLOW_UPS),
    ("POST", "/v1/sdr/drafts/generate", _DRAFTS),
    ("POST", "/v1/sdr/drafts/{draft_id}/send", _DRAFTS),
    ("GET", "/v1/sdr/gmail/status", "a connection to Gmail"),
):
    _permission = Scope.INBOUND_READ if _method == "GET" else Scope.INBOUND_WRITE
    LEADTERRA.lacks(_method, _path, _permission, _what)
