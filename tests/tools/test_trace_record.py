"""The story of one record, compared with the world's own rows."""

from collections import defaultdict
from datetime import timedelta

import msgspec
import pytest

from server.app import build_server
from server.demo.records import LASTING
from server.demo.world import World
from tests.conftest import AT_ONCE, NOW, Row, Serve, asking, facts, http_to, refusal, said, settings_of
from tests.hostile import against

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
    assert "«nobody» is in none of the rows" in facts(nothing)["note"]


MONTH_AND_HALF = timedelta(days=45)


@pytest.fixture(scope="module")
def long_records(world: World) -> dict[str, list[Row]]:
    """All vehicles and users of 45 days by Catena's id, with all their writes, oldest first."""
    first, last = world.count_before(NOW - MONTH_AND_HALF), world.count_before(NOW)
    rows = [world.row(op, NOW) for op in world.operations[first:last] if op.resource in ("vehicle", "user")]
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in msgspec.json.decode(msgspec.json.encode(rows)):
        if row["resource_id"]:
            found[row["resource_id"]].append(row)
    return dict(found)


def head_in_plain_python(writes: list[Row]) -> Row:
    successes = [row["created_at"] for row in writes if row["status"] == "success"]
    failures = [row["created_at"] for row in writes if row["status"] == "failed"]
    since = [at for at in failures if not successes or at > successes[-1]]
    told: Row = {"writes": len(writes), "succeeded": len(successes), "failed": len(failures)}
    told |= {"last_success": second(successes[-1])} if successes else {}
    return told | ({"first_failure_since": second(since[0])} if since else {})


def second(moment: str) -> str:
    return moment.split(".")[0].removesuffix("Z") + "Z"


async def test_the_head_counts_all_writes_of_45_days_also_those_without_the_id_at_the_tsp(
    serve: Serve, long_records: dict[str, list[Row]]
) -> None:
    old = [w for w in long_records.values() if len(w) > 2 and w[0]["created_at"] < (NOW - WEEK).isoformat()]
    failing = [w for w in old if w[-1]["status"] == "failed" and all(row["source_id"] for row in w)]
    # The id at the TSP was not known yet when some of their updates failed.
    lacking = [w for w in long_records.values() if {bool(row["source_id"]) for row in w} == {True, False}]
    assert len(failing) > 2
    assert lacking
    async with asking(serve()) as ask:
        for writes in [*lacking[:2], *failing[:2]]:
            named = {
                "resource": writes[0]["resource"],
                "source_id": next(row["source_id"] for row in writes if row["source_id"]),
            }
            result = await ask("trace_record", **named, connection_id=writes[0]["connection_id"])
            told = facts(result)
            head = told["head"]
            expected = head_in_plain_python(writes)
            assert {name: head[name] for name in expected} == expected
            assert sum(cause["count"] for cause in head["causes"]) == expected["failed"]
            assert {row["id"] for row in writes} == {step["operation_id"] for step in told["story"]}
            assert told["window"]["default"] is True
            assert "(default: the last 45 days)" in said(result)
            first = said(result).splitlines()[0]
            assert f"{expected['succeeded']} succeeded, {expected['failed']} failed" in first
            assert ("Failing since" in first) == ("first_failure_since" in expected)
            assert all(cause["id"] in first for cause in head["causes"])


async def test_any_write_of_a_record_leads_to_the_same_story(serve: Serve, long_records: dict[str, list[Row]]) -> None:
    writes = next(
        w for w in long_records.values() if len(w) > 3 and w[0]["source_id"] and w[0]["resource"] == "vehicle"
    )
    async with asking(serve()) as ask:
        by_source = facts(await ask("trace_record", resource="vehicle", source_id=writes[0]["source_id"]))
        for row in writes:
            told = facts(await ask("trace_record", operation_id=row["id"]))
            assert told["filters"] == {"operation_id": row["id"]}
            assert (told["story"], told["head"]) == (by_source["story"], by_source["head"])
        by_ours = facts(
            await ask("trace_record", resource="vehicle", resource_id=writes[0]["resource_id"], from_datetime="-45d")
        )
        assert by_ours["story"] == by_source["story"]


async def test_a_create_without_any_id_is_traced_by_what_it_wrote(serve: Serve, truth: list[Row]) -> None:
    failed = [r for r in truth if r["status"] == "failed" and not r["resource_id"] and not r["source_id"]]
    same = defaultdict(list)
    for row in failed:
        same[row["connection_id"], row["resource"], msgspec.json.encode(row["payload"], order="sorted")].append(
            row["id"]
        )
    first, *others = next(ids for ids in same.values() if len(ids) > 1)
    async with asking(serve()) as ask:
        told = facts(await ask("trace_record", operation_id=first))
    assert {first, *others} <= {step["operation_id"] for step in told["story"]}
    assert "begins a day before the operation" in told["note"] or told["record"].get("source_id")


async def test_of_many_writes_the_oldest_and_the_newest_are_told_and_the_rest_counted(
    world: World, truth: list[Row]
) -> None:
    named = next(r for r in truth if r["source_id"] and r["status"] == "success")
    rows = []
    for number in range(60):
        at = (NOW - timedelta(minutes=60 - number)).isoformat()
        rows.append(
            {**named, "id": f"01a20903-0000-7000-8000-{number:012d}", "created_at": at, "updated_at": at, "logs": []}
        )
    rows[30]["status"] = "failed"
    ids = [row["id"] for row in rows]
    async with against(world, lambda: msgspec.json.encode({"items": rows, "next_page": None})) as ask:
        result = await ask("trace_record", resource=named["resource"], source_id=named["source_id"])
    told = facts(result)
    assert [step["operation_id"] for step in told["story"]] == ids[:5] + ids[-35:]
    assert [step["number"] for step in told["story"]] == [*range(1, 6), *range(26, 61)]
    assert told["left_out"] == 20
    assert told["head"]["writes"] == 60
    lines = said(result).splitlines()
    assert lines[lines.index("… 20 writes left out …") - 1].split()[1] == ids[4]


async def test_what_names_no_record_says_what_does(serve: Serve, truth: list[Row]) -> None:
    row = next(r for r in truth if r["resource"] == "vehicle" and r["resource_id"])
    async with asking(serve()) as ask:
        await ask("summarize_failures")
        contrary = await ask("trace_record", operation_id=row["id"], resource="user")
        assert "wrote a vehicle. Leave `resource` out" in refusal(contrary)
        assert "either" in refusal(await ask("trace_record", operation_id=row["id"], source_id="1"))
        assert "needs `resource`" in refusal(await ask("trace_record", resource_id=row["resource_id"]))
        mistaken = said(await ask("trace_record", resource="vehicle", resource_id=row["id"]))
        assert f"{row['id']} is an operation: pass it as `operation_id`" in mistaken
        other = said(await ask("trace_record", resource="user", resource_id=row["resource_id"]))
        assert f"resource_id {row['resource_id']} was seen: vehicle on connection" in other


async def test_what_could_be_read_is_told_where_the_network_goes_before_the_rest(
    world: World, long_records: dict[str, list[Row]]
) -> None:
    writes = next(w for w in long_records.values() if len(w) > 2 and all(row["source_id"] for row in w))
    named = {
        "resource": writes[0]["resource"],
        "source_id": writes[0]["source_id"],
        "connection_id": writes[0]["connection_id"],
    }
    opened = http_to(world, breaks_after=2)  # the token and the first page
    async with asking(build_server(settings_of(), clock=lambda: NOW, open_http=opened, retries=AT_ONCE)) as ask:
        told = facts(await ask("trace_record", **named))
    assert {step["operation_id"] for step in told["story"]} == {row["id"] for row in writes}
    assert told["complete"] is False
    assert "writes may be missing" in told["note"]
