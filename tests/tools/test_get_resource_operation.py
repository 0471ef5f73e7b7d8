"""One operation whole: found with and without its connection, every attempt in order."""

from datetime import datetime
from uuid import uuid4

import pytest

from server.demo.faults import Faults
from tests.conftest import Row, Serve, asking, facts, refusal, said

pytestmark = pytest.mark.anyio


def retried(truth: list[Row]) -> Row:
    return next(row for row in truth if row["status"] == "failed" and len(row["logs"]) > 2)


async def test_it_is_found_by_the_time_in_its_id_and_the_same_with_its_connection(
    serve: Serve, truth: list[Row]
) -> None:
    row = retried(truth)
    async with asking(serve()) as ask:
        alone = facts(await ask("get_resource_operation", operation_id=row["id"]))
        both = facts(await ask("get_resource_operation", operation_id=row["id"], connection_id=row["connection_id"]))
    assert alone["operation"] == both["operation"]
    assert alone["operation"]["id"] == row["id"]


async def test_attempts_are_told_in_order_with_gaps_and_request_ids(serve: Serve, truth: list[Row]) -> None:
    row = retried(truth)
    async with asking(serve()) as ask:
        result = await ask("get_resource_operation", operation_id=row["id"])
    attempts = facts(result)["attempts"]
    times = [datetime.fromisoformat(log["created_at"]) for log in row["logs"]]
    gaps = [b - a for a, b in zip([datetime.fromisoformat(row["created_at"]), *times], times, strict=False)]
    assert [a["after_s"] for a in attempts] == [round(gap.total_seconds(), 1) for gap in gaps]
    for attempt, log in zip(attempts, row["logs"], strict=True):
        assert attempt["headers"] == {k.lower(): v for k, v in sorted((log["response_headers"] or {}).items())}
        assert attempt["status"] == log["status"]
        for value in attempt["headers"].values():
            assert value in said(result)


async def test_a_failed_one_tells_cause_owner_and_advice_as_the_summary_does(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve()) as ask:
        group = facts(await ask("summarize_failures"))["groups"][0]
        example = group["example"]
        result = await ask("get_resource_operation", operation_id=example["operation_id"])
    cause = facts(result)["cause"]
    assert (cause["group"], cause["owner"]) == (group["id"], group["owner"])
    assert group["advice"].partition(" (")[0] == cause["advice"].partition(" (")[0]
    assert cause["advice"] in said(result)
    assert cause["group"] in said(result)


async def test_a_success_has_no_cause_and_hides_its_payload(serve: Serve, truth: list[Row]) -> None:
    row = next(r for r in truth if r["status"] == "success" and r["resource"] == "user" and len(r["logs"]) == 1)
    async with asking(serve()) as ask:
        result = await ask("get_resource_operation", operation_id=row["id"])
    told = facts(result)
    assert "cause" not in told
    assert told["operation"]["payload"]["email"] == "<text>"
    assert row["payload"]["email"] not in said(result)


async def test_what_cannot_be_found_says_what_to_pass(serve: Serve, truth: list[Row]) -> None:
    unknown = truth[0]["id"][:-4] + "0000"
    async with asking(serve()) as ask:
        assert "pass its connection_id" in refusal(await ask("get_resource_operation", operation_id=unknown))
        assert "holds no time" in refusal(await ask("get_resource_operation", operation_id=str(uuid4())))
        assert "no UUID" in refusal(await ask("get_resource_operation", operation_id="op-17"))
        wrong = await ask("get_resource_operation", operation_id=truth[0]["id"], connection_id=str(uuid4()))
        assert "Check both ids" in refusal(wrong)
        assert "`operation_id`" in refusal(await ask("get_resource_operation"))


async def test_what_does_not_answer_ends_with_the_time_of_a_call(serve: Serve, truth: list[Row]) -> None:
    async with asking(serve(Faults(latency_s=5), deadline_s=0.2)) as ask:
        for arguments in ({}, {"connection_id": truth[0]["connection_id"]}):
            told = refusal(await ask("get_resource_operation", operation_id=truth[0]["id"], **arguments))
            assert "CATENA_DEADLINE_S" in told
