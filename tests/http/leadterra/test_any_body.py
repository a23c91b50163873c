"""Bodies of every kind: each is answered as the vendor would, and none is a fault of ours."""

import random
from typing import Any

from leadterra_client import Terra, native

NASTY: list[Any] = [
    *(None, True, 0, -1, 2**63 - 1, 1e300, "", " ", "x", "a@example.com", "\x7f", "é" * 5_000, "a\nb"),
    *("{{firstName}}", "{% x", "<script>{{x}}", "https://example.com/x", "x" * 300),
    *([], {}, ["a"], [[[]]], {"日本": 1, "": 2, "email": "q"}, ["a@example.com"] * 3, ["campaign.started"]),
]
NAMES = ["name", "subject", "email", "firstName", "customFields", "cc", "note", "category", "日本", "", "1x", "a" * 200]
GOOD: dict[str, dict[str, Any]] = {
    "/campaigns": {"name": "n", "sequenceSteps": [{"subject": "s", "bodyHtml": "b"}]},
    "/campaigns/DRAFT/leads/bulk": {"leads": [{"email": "a@example.com"}]},
    "/replies/REPLY/assign": {"sdrId": "s", "seniority": "x", "employeeCount": "1", "forceForward": True},
    "/suppression-list": {"emails": ["z@example.com", "z.test"]},
    "/webhooks": {"url": "https://example.com/h", "events": ["message.sent"]},
    "/campaigns/RUNNING/pause": {},
    "/campaigns/RUNNING/start": {},
}


def value(choice: random.Random, depth: int = 0) -> Any:
    kind = choice.random()
    if kind < 0.5 or depth > 3:
        return choice.choice(NASTY)
    if kind < 0.8:
        return {choice.choice(NAMES): value(choice, depth + 1) for _ in range(choice.randint(0, 4))}
    return [value(choice, depth + 1) for _ in range(choice.randint(0, 3))]


def spoilt(choice: random.Random, good: Any) -> Any:
    """A good body with something else in some of its places."""
    if choice.random() < 0.15:
        return value(choice)
    if isinstance(good, dict):
        more = {choice.choice(NAMES): value(choice)} if choice.random() < 0.3 else {}
        return {**{name: spoilt(choice, one) for name, one in good.items()}, **more}
    return [spoilt(choice, one) for one in good] if isinstance(good, list) else good


async def test_no_body_is_a_fault_of_ours(terra: Terra) -> None:
    campaign = await terra.running("a@example.com")
    await terra.desk.send(native(campaign))
    await terra.desk.post("/inbound", {"kind": "reply", "from_address": "a@example.com"})
    [reply] = await terra.get("/replies")
    places = {"DRAFT": await terra.draft(), "REPLY": reply["id"], "RUNNING": campaign}
    seen = set()
    for seed in range(400):
        choice = random.Random(seed)
        path, good = choice.choice(list(GOOD.items()))
        for name, text in places.items():
            path = path.replace(name, text)
        answer = await terra.raw("POST", path, spoilt(choice, good))
        seen.add(answer.status_code)
        assert answer.status_code < 500, (seed, answer.text)
        if answer.status_code >= 400:
            assert sorted(answer.json()["error"]) == ["code", "message"], (seed, answer.text)
    assert seen >= {200, 201, 400, 422}
