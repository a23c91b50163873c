"""What the vendor has and this door has not."""

from caesura.domain.scopes import Scope
from caesura.http.autosend.door import AUTOSEND

for _method, _path in (
    ("GET", "/domains"),
    ("POST", "/domains"),
    ("GET", "/domains/{domain_id}"),
    ("DELETE", "/domains/{domain_id}"),
    ("POST", "/domains/{domain_id}/verify"),
):
    AUTOSEND.lacks(_method, _path, Scope.MAILBOXES_WRITE, "the verification of domains")
for _method, _path in (
    ("GET", "/inbound/messages"),
    ("GET", "/inbound/messages/{message_id}"),
    ("GET", "/inbound/messages/{message_id}/attachments/{attachment}"),
    ("POST", "/inbound/messages/{message_id}/reply"),
):
    AUTOSEND.lacks(_method, _path, Scope.INBOUND_READ, "an inbox of its own; see /api/v1/inbound")
