"""The story of one record, compared with the world's own rows."""

from collections import defaultdict
from datetime import timedelta

import msgspec
import pytest

from server.demo.records import LASTING
from server.demo.world import World
from tests.conftest import NOW, Row, Serve, asking, facts, refusal, said

pytestmark = pytest.mark.anyio

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def records(world: World) -> dict[str, list[Row]]:
    """The user records of a week with at least three writes, by Catena's id, oldest write first."""
    rows = [
        world.row(operation, NOW)
        for operation in world.operations[world.count_before(NOW - WEEK) : world.count_before(NOW)]
        if operation.resource == "user"
    ]
    decoded: list[Row] = msgspec.json.decode(msgspec.json.encode(rows))
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in decoded:
        if row["resource_id"]:
            found[row["resource_id"]].append(row)
    return {key: writes for key, writes in found.items() if len(writes) >= 3}


def ending(records: dict[str, list[Row]], status: str) -> tuple[str, list[Row]]:
    return next((key, writes) for key, writes in records.items() if writes[-1]["status"] == status)


@pytest.mark.parametrize(("status", "state"), [("success", "in_sync"), ("failed", "out_of_sync")])
async def test_the_last_write_decides_the_state_and_every_write_is_told(
    serve: Serve, records: dict[str, list[Row]], status: str, state: str
) -> None:
    key, writes = ending(records, status)
    async with asking(serve()) as ask:
        result = await ask("trace_record", resource="user", resource_id=key, from_datetime="-7d")
    told = facts(result)
    assert told["state"] == state
    assert {row["id"] for row in writes} <= {step["operation_id"] for step in told["story"]}
    assert [step["created_at"] for step in told["story"]] == sorted(step["created_at"] for step in told["story"])
    assert told["record"]["connection_id"] == writes[-1]["connection_id"]
    for step in told["story"]:
        assert f"{step['operation_id']} {step['operation_type']} {step['status']}" in said(result)


async def test_the_id_at_the_tsp_tells_the_same_story(serve: Serve, records: dict[str, list[Row]]) -> None:
    writes = next(w for w in records.values() if all(row["source_id"] for row in w))
    async with asking(serve()) as ask:
        by_source = facts(
            await ask("trace_record", resource="user", source_id=writes[0]["source_id"], from_datetime="-7d")
        )
        by_ours = facts(
            await ask("trace_record", resource="user", resource_id=writes[0]["resource_id"], from_datetime="-7d")
        )
    assert by_source["story"] == by_ours["story"]
    assert by_source["state"] == by_ours["state"]


async def test_a_failed_create_without_an_id_belongs_to_the_story_of_its_payload(
    serve: Serve, truth: list[Row]
) -> None:
    failed = [r for r in truth if r["status"] == "failed" and r["operation_type"] == "create" and not r["resource_id"]]
    made = {
        (r["connection_id"], r["resource"], msgspec.json.encode(r["payload"], order="sorted")): r
        for r in truth
        if r["status"] == "success" and r["operation_type"] == "create"
    }
    pairs = [
        (f, made.get((f["connection_id"], f["resource"], msgspec.json.encode(f["payload"], order="sorted"))))
        for f in failed
    ]
    first, later = next((f, m) for f, m in pairs if m)
    async with asking(serve()) as ask:
        told = facts(await ask("trace_record", resource=first["resource"], resource_id=later["resource_id"]))
    ids = [step["operation_id"] for step in told["story"]]
    assert ids.index(first["id"]) < ids.index(later["id"])
    assert told["state"] == "in_sync"


async def test_a_failed_create_that_was_corrected_belongs_to_the_story_of_its_record(
    serve: Serve, truth: list[Row]
) -> None:
    creates = [r for r in truth if r["operation_type"] == "create"]
    made = {r["record"]: r for r in creates if r["status"] == "success" and r["resource"] in LASTING}
    corrected = [r for r in creates if r["status"] == "failed" and r["record"] in made]
    first = next(r for r in corrected if r["payload"] != made[r["record"]]["payload"])
    theirs = {r["id"] for r in truth if r["record"] == first["record"]}
    async with asking(serve()) as ask:
        told = facts(
            await ask("trace_record", resource=first["resource"], resource_id=made[first["record"]]["resource_id"])
        )
    assert {step["operation_id"] for step in told["story"]} == theirs
    assert told["story"][-1]["changed"]


async def test_changes_since_the_last_success_name_fields_and_values_only_where_allowed(
    serve: Serve, records: dict[str, list[Row]]
) -> None:
    key, writes = next(
        (key, w)
        for key, w in records.items()
        if w[-1]["status"] == "failed"
        and any(r["status"] == "success" for r in w)
        and [r for r in w if r["status"] == "success"][-1]["payload"] != w[-1]["payload"]
    )
    success = [r for r in writes if r["status"] == "success"][-1]["payload"]
    failure = writes[-1]["payload"]
    differing = {name for name in success.keys() | failure.keys() if success.get(name) != failure.get(name)}
    arguments = {"resource": "user", "resource_id": key, "from_datetime": "-7d"}
    async with asking(serve()) as hidden, asking(serve(show_personal_data=True)) as open_:
        told = facts(await hidden("trace_record", **arguments))["changes"]
        shown = facts(await open_("trace_record", **arguments))["changes"]
    assert {change["field"].split(".")[0] for change in told} == {name.split(".")[0] for name in differing}
    assert not [change for change in told if "before" in change or "after" in change]
    assert [change for change in shown if "after" in change]


async def test_bad_questions_say_how_to_name_a_record(serve: Serve) -> None:
    async with asking(serve()) as ask:
        assert "either source_id" in refusal(await ask("trace_record", resource="user"))
        assert "either source_id" in refusal(await ask("trace_record", resource="user", source_id="1", resource_id="2"))
        assert "no UUID" in refusal(await ask("trace_record", resource="user", resource_id="17"))
        assert "`resource`" in refusal(await ask("trace_record", source_id="1"))
        nothing = await ask("trace_record", resource="user", source_id="nobody")
    assert said(nothing).startswith("No write of this user in this window.")
    assert "Widen it" in facts(nothing)["note"]
