"""The tasks by which a start is approved or dismissed."""

from leadlex_client import Lexi, native, outer

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def waiting(lexi: Lexi) -> tuple[str, str]:
    """A campaign that waits for approval, and its task."""
    await lexi.desk.ask("PATCH", "/workspace", {"approval_above": 0})
    made = await lexi.desk.campaign(name="Q2")
    await lexi.desk.enrol(made["id"], "a@example.com")
    campaign = outer(made["id"])
    return campaign, (await lexi.post(f"/campaigns/{campaign}/start"))["task_id"]


async def test_a_start_that_waits_is_a_pending_task_of_type_campaign_start(lexi: Lexi) -> None:
    campaign, task = await waiting(lexi)
    assert (await lexi.get("/lexi/tasks"))["tasks"] == [
        {
            "id": task,
            "type": "campaign_start",
            "status": "pending",
            "description": "Start campaign Q2",
            "created_at": "2026-03-02T09:00:00Z",
            "metadata": {"campaign_id": campaign},
        }
    ]


async def test_approved_the_campaign_starts_at_once(lexi: Lexi) -> None:
    campaign, task = await waiting(lexi)
    done = await lexi.post(f"/lexi/tasks/{task}/approve")
    assert done == {"task_id": task, "status": "approved", "execution_started": True}
    assert (await lexi.get(f"/campaigns/{campaign}"))["campaign"]["status"] == "active"
    assert await lexi.desk.send(native(campaign)) == 1
    assert (await lexi.get("/lexi/tasks"))["tasks"] == []
    assert [one["id"] for one in (await lexi.get("/lexi/tasks?status=approved"))["tasks"]] == [task]


async def test_dismissed_it_can_never_be_approved_again(lexi: Lexi) -> None:
    campaign, task = await waiting(lexi)
    assert await lexi.post(f"/lexi/tasks/{task}/dismiss", {"reason": "not_relevant"}) == {
        "task_id": task,
        "status": "dismissed",
    }
    assert (await lexi.get(f"/campaigns/{campaign}"))["campaign"]["status"] == "draft"
    [approval] = await lexi.desk.every("/approvals")
    assert approval["reason"] == "not_relevant"
    for verb in ("approve", "dismiss"):
        assert await lexi.code("POST", f"/lexi/tasks/{task}/{verb}") == (400, "validation_error")


async def test_a_task_that_is_not_there_is_404_not_found(lexi: Lexi) -> None:
    for text in (UNKNOWN, "task-uuid", outer("cmp_1", "task")):
        for verb in ("approve", "dismiss"):
            assert await lexi.code("POST", f"/lexi/tasks/{text}/{verb}") == (404, "not_found")


async def test_an_unknown_status_is_refused_and_one_that_none_has_is_empty(lexi: Lexi) -> None:
    await waiting(lexi)
    assert await lexi.code("GET", "/lexi/tasks?status=x") == (400, "validation_error")
    for word in ("completed", "failed", "dismissed"):
        assert (await lexi.get(f"/lexi/tasks?status={word}"))["tasks"] == []


async def test_tasks_need_the_lexi_permission(lexi: Lexi) -> None:
    for permission, status in (("lexi", 200), ("write:ai", 200), ("write", 403), ("campaigns:write", 403)):
        key = await lexi.key_with(permission)
        assert (await lexi.raw("GET", "/lexi/tasks", key=key)).status_code == status
