"""Who a campaign or a mail is from: which pool of mailboxes sends it, by which name, and where answers go."""

from typing import Any

from caesura.http.autosend.values import Body, number_of
from caesura.http.door import Call
from caesura.service import mailboxes


def name_and_reply(body: Body) -> dict[str, Any]:
    """`from_name` and `reply_to` of a definition, as far as the body says something of them; notes what is wrong.

    null takes a reply address away, and a sender without a name has that of the mailbox.
    """
    found: dict[str, Any] = {}
    sender = body.table("from")
    if sender:
        if not isinstance(sender.get("email"), str):
            body.refuse("from.email", "from.email must be a string", "wrong_type")
        name = sender.get("name")
        if name is not None and not isinstance(name, str):
            body.refuse("from.name", "from.name must be a string", "wrong_type")
        found["from_name"] = name.strip() or None if isinstance(name, str) else None
    elif body.has("senderId"):
        found["from_name"] = None
    if "replyTo" in body.fields:
        given = body.fields["replyTo"]
        address = given.get("email") if isinstance(given, dict) else given  # the vendor's client has it as `from`
        if given is not None and not isinstance(address, str):
            body.refuse("replyTo", "replyTo must be an email address", "wrong_type")
        found["reply_to"] = address or None
    return found


async def pool_of_sender(call: Call, body: Body) -> str | None:
    """The pool of the sender that a body names, or the usual one where it names none; None for an unknown sender."""
    if body.has("senderId"):
        row = await mailboxes.get(*call.key, number_of("sender", str(body.fields["senderId"])))
    elif body.has("from"):
        found = await mailboxes.find_by_address(*call.key, str(body.table("from").get("email", "")))
        if found is None:
            return None
        row = found
    else:
        usual = await mailboxes.usual_pool(*call.key)
        if usual is not None:
            return usual.name
        newest = await mailboxes.page(*call.key, None, 500)
        if not newest:
            return None
        row = newest[-1]
    return (await mailboxes.pool_of(*call.key, [row.id], call.caller.actor, call.now)).name
