"""The world is the truth that analyses are compared with, so it has to keep its own promises."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from server.catena.vocabulary import ERROR_TYPES, OPERATION_TYPES, RESOURCES, SOURCES
from server.demo.ids import from_datetime
from server.demo.incidents import EPISODES, NOISE, Incident
from server.demo.operations import Operation
from server.demo.rows import payload_of
from server.demo.tsp_errors import CAUSES
from server.demo.world import World, anchor_of, build_world

ANCHOR = datetime(2026, 6, 24, 15, tzinfo=UTC)
ANCHORS = [ANCHOR, datetime(2026, 6, 29, 4, tzinfo=UTC), datetime(2027, 1, 1, 0, tzinfo=UTC)]
ROOT = Path(__file__).parents[2]
PERSISTENT = {"user", "vehicle", "trailer"}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(ANCHOR)


@pytest.fixture(scope="module")
def past(world: World) -> list[Operation]:
    return list(world.operations[: world.count_before(ANCHOR)])


def incident(world: World, key: str) -> Incident:
    return next(found for found in world.incidents if found.key == key)


def struck(world: World, key: str) -> list[Operation]:
    return [operation for operation in world.operations if world.incident_of.get(operation.id) == key]


def fingerprint(world: World) -> bytes:
    rows = [world.row(operation, ANCHOR) for operation in world.operations[::37]]
    return msgspec.json.encode([rows, world.connections, sorted(world.incident_of.items())])


def test_the_same_seed_gives_the_same_world_in_any_process() -> None:
    code = (
        "import sys; from hashlib import sha256; import tests.demo.test_demo_world as t;"
        "sys.stdout.write(sha256(t.fingerprint(t.build_world(t.ANCHOR, operations=3000))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_another_world() -> None:
    first, second = (build_world(ANCHOR, seed=seed, operations=500) for seed in (7, 8))
    assert {operation.id for operation in first.operations}.isdisjoint(operation.id for operation in second.operations)


@pytest.mark.parametrize("operations", [1_000, 5_000, 24_000])
@pytest.mark.parametrize("anchor", ANCHORS)
def test_the_asked_number_of_operations_lies_in_the_ten_days_before_the_anchor(
    anchor: datetime, operations: int
) -> None:
    world = build_world(anchor, operations=operations)
    assert world.count_before(anchor) == operations
    assert world.count_before(anchor - timedelta(days=10)) == 0
    assert world.operations[-1].created < from_datetime(anchor + timedelta(hours=36))
    assert len(world.operations) > operations * 1.05


def test_ids_sort_as_times_do_and_are_unique(world: World) -> None:
    keys = [(operation.created, operation.id) for operation in world.operations]
    assert all(one < other and one[1] < other[1] for one, other in pairwise(keys))
    assert all(operation.id[14] == "7" for operation in world.operations)
    assert list(world.created) == [created for created, _ in keys]


def test_an_operation_is_found_by_its_id_and_a_stranger_is_not(world: World) -> None:
    assert world.find(world.operations[777].id) is world.operations[777]
    assert world.find("019efa24-0000-7000-8000-000000000000") is None
    assert world.find("ffffffff-ffff-7fff-8fff-ffffffffffff") is None


@pytest.mark.parametrize("anchor", ANCHORS)
def test_eight_to_ten_percent_fail_and_a_day_shows_ten_to_sixteen_large_causes(anchor: datetime) -> None:
    world = build_world(anchor)
    past = world.operations[: world.count_before(anchor)]
    failed = [operation for operation in past if operation.outcome == "failed"]
    assert 0.075 < len(failed) / len(past) < 0.105
    since = from_datetime(anchor - timedelta(days=1))
    causes = Counter(
        (operation.connection.source_name, operation.last_cause.key)
        for operation in failed
        if operation.created >= since and operation.last_cause is not None
    )
    assert 10 <= len(causes) <= 18
    assert {cause for (_, cause), _ in causes.most_common(3)} == {"samsara_token", "motive_limit", "samsara_activation"}


def test_every_shape_of_error_appears_within_the_ten_days(past: list[Operation]) -> None:
    seen = {failure.cause.key for operation in past for failure in operation.failures}
    assert seen == {key for key, cause in CAUSES.items() if cause.logged}
    assert any(operation.outcome == "failed" and not operation.failures for operation in past)


def test_every_cause_has_one_script(world: World) -> None:
    assert Counter(cause for episode in (*EPISODES, *NOISE) for cause in episode.causes) == Counter(CAUSES.keys())


def test_fleets_differ_in_size_and_use_sixteen_sources(world: World, past: list[Operation]) -> None:
    sizes = Counter(operation.connection.fleet_ref for operation in past)
    assert len({connection.fleet_id for connection in world.connections}) == 45
    assert 65 <= len(world.connections) <= 80
    assert len({connection.source_name for connection in world.connections}) == 16
    assert sizes["northwind-haulage"] > 20 * sizes["bramble-street-bakery"] > 0
    assert None in sizes


def test_connections_show_their_trouble_and_hide_their_secrets(world: World) -> None:
    status = {(c.fleet_ref, c.source_name): c.status for c in world.connections}
    assert status["prairie-line-logistics", "samsara"] == "stale"
    assert status["baltic-forwarding", "wialon"] == "paused"
    assert Counter(status.values()) == {"active": len(status) - 2, "stale": 1, "paused": 1}
    assert all("*****" in connection.credentials.values() for connection in world.connections)


def test_each_incident_lies_in_its_time_and_at_its_sources(world: World) -> None:
    for found in world.incidents:
        operations = struck(world, found.key)
        assert found.operation_ids == {operation.id for operation in operations}
        assert operations, found.key
        for operation in operations:
            assert operation.connection.source_name in found.source_names
            assert operation.created >= from_datetime(found.started)
            assert found.resource in (None, operation.resource)
            assert operation.outcome == ("pending" if found.key == "hanging" else "failed")
            assert operation.last_cause is None or operation.last_cause.key in found.causes


def test_only_a_flawed_payload_fails_after_its_incident_has_ended(world: World) -> None:
    late = {
        found.key
        for found in world.incidents
        for operation in struck(world, found.key)
        if found.ended is not None and operation.created >= from_datetime(found.ended)
    }
    assert late <= {"bad_deploy"}


def test_all_writes_of_the_fleet_with_expired_credentials_fail_and_none_recovers(world: World) -> None:
    found = incident(world, "expired_credentials")
    begun = from_datetime(found.started)
    after = [o for o in world.operations if o.connection.fleet_ref == "prairie-line-logistics" and o.created >= begun]
    assert {operation.id for operation in after} == found.operation_ids
    assert found.ended is None
    assert found.fleet_refs == {"prairie-line-logistics"}
    assert {operation.connection.status for operation in after} == {"stale"}
    before = [o for o in world.operations if o.connection.fleet_ref == "prairie-line-logistics" and o.created < begun]
    assert sum(operation.outcome == "success" for operation in before) > 0.8 * len(before)


@pytest.mark.parametrize(("key", "source_name"), [("tsp_outage", "geotab"), ("recent_outage", "omnitracs")])
def test_most_writes_fail_in_an_outage_and_most_are_recovered_by_sending_them_again(
    world: World, key: str, source_name: str
) -> None:
    found = incident(world, key)
    assert found.ended is not None
    inside = [
        operation
        for operation in world.operations
        if operation.connection.source_name == source_name
        and from_datetime(found.started) <= operation.created < from_datetime(found.ended)
    ]
    failed = [operation for operation in inside if operation.id in found.operation_ids]
    assert len(failed) > 0.7 * len(inside)
    recovered = sum(succeeded_later(world, operation) for operation in failed)
    assert 0.6 * len(failed) < recovered < len(failed)


def succeeded_later(world: World, operation: Operation) -> bool:
    """Say whether the record was written after all: for an update by any later edition, else by the same payload."""
    payload = payload_of(operation)
    return any(
        later.outcome == "success"
        and later.record == operation.record
        and later.resource == operation.resource
        and (operation.operation_type == "update" or payload_of(later) == payload)
        for later in world.operations[world.operations.index(operation) + 1 :]
        if later.connection is operation.connection
    )


def test_a_storm_of_rate_limits_lets_many_pass_at_a_later_attempt(world: World) -> None:
    found = incident(world, "rate_limit_storm")
    touched = [o for o in world.operations if any(f.cause.key == "motive_limit" for f in o.failures)]
    passed = [operation for operation in touched if operation.outcome == "success"]
    assert len(passed) > 50
    assert len(found.operation_ids) > 50
    assert {operation.connection.fleet_ref for operation in touched} == {"keystone-parcel"}
    headers = [log["response_headers"] for o in touched for log in world.row(o, ANCHOR)["logs"] if log["error_type"]]
    assert all("retry-after" in {name.lower() for name in given} for given in headers)


def test_the_bad_release_fails_every_driver_and_two_thirds_are_corrected(world: World) -> None:
    found = incident(world, "bad_deploy")
    operations = struck(world, "bad_deploy")
    assert len(found.fleet_refs) > 4
    assert all(payload_of(operation)["activation_status"] == "ENABLED" for operation in operations)
    updates = [operation for operation in operations if operation.operation_type == "update"]
    recovered = sum(succeeded_later(world, operation) for operation in updates)
    assert 0.5 * len(updates) < recovered < len(updates)
    creates = [operation for operation in operations if operation.operation_type == "create"]
    assert creates
    assert not any(succeeded_later(world, operation) for operation in creates)


def test_a_duplicate_is_never_cured_by_sending_it_again(world: World) -> None:
    operations = struck(world, "duplicates")
    records = Counter(operation.record for operation in operations)
    assert max(records.values()) > 1
    written = {o.record for o in world.operations if o.outcome == "success" and o.operation_type == "create"}
    assert written.isdisjoint(records)
    assert {operation.connection.source_name for operation in operations} == set(
        incident(world, "duplicates").source_names
    )


def test_plates_are_refused_more_and_more_often(past: list[Operation]) -> None:
    trailers = [o for o in past if o.connection.source_name == "webfleet" and o.resource == "trailer"]

    def share(first_day: int, last_day: int) -> float:
        begin, end = (from_datetime(ANCHOR + timedelta(days=day)) for day in (first_day, last_day))
        window = [operation for operation in trailers if begin <= operation.created < end]
        return sum(o.last_cause is not None and o.last_cause.key == "webfleet_plate" for o in window) / len(window)

    assert share(-10, -7) < 0.08
    assert share(-3, 0) > max(0.09, 1.5 * share(-10, -7))


def test_what_hangs_stays_pending_for_ever_and_everything_else_is_settled_soon(world: World) -> None:
    found = incident(world, "hanging")
    hanging = [operation for operation in world.operations if operation.settled is None]
    assert {operation.id for operation in hanging} == found.operation_ids
    assert {operation.connection.status for operation in hanging} == {"paused"}
    assert {bool(operation.failures) for operation in hanging} == {True, False}
    assert all(o.settled - o.created < 600_000_000 for o in world.operations if o.settled is not None)


def test_transient_errors_are_tried_up_to_four_times_with_growing_gaps(past: list[Operation]) -> None:
    attempts = Counter(len(operation.failures) for operation in past if operation.outcome == "failed")
    assert max(attempts) == 4
    assert attempts[1] > attempts[4] > 0
    for operation in past:
        times = [failure.at for failure in operation.failures]
        if operation.outcome == "failed" and len(times) == 4 and not any(f.cause.wait for f in operation.failures):
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert gaps == sorted(gaps)


def test_an_operation_shows_only_what_has_happened_by_then(world: World, past: list[Operation]) -> None:
    slow = next(o for o in past if o.outcome == "failed" and len(o.failures) == 4)
    row = world.row(slow, datetime.fromtimestamp((slow.failures[1].at + 1) / 1e6, UTC))
    assert row["status"] == "pending"
    assert len(row["logs"]) == 2
    assert row["updated_at"] == row["logs"][1]["updated_at"]
    final = world.row(slow, ANCHOR)
    assert (final["status"], len(final["logs"])) == ("failed", 4)


def test_rows_follow_the_rules_of_the_contract(world: World, past: list[Operation]) -> None:
    for operation in past[::7]:
        row = world.row(operation, ANCHOR)
        assert row["resource"] in RESOURCES
        assert row["source_name"] in SOURCES
        assert row["operation_type"] in OPERATION_TYPES
        assert row["partner_id"] == world.partner_id
        if row["status"] == "success":
            assert row["logs"][-1]["status"] == "success"
            assert row["resource_id"]
            assert row["source_id"]
        if row["operation_type"] == "create" and row["status"] != "success":
            assert (row["resource_id"], row["source_id"]) == (None, None)
        if row["operation_type"] == "update":
            assert row["resource_id"] == row["payload"]["id"]
        assert {log["error_type"] for log in row["logs"] if log["status"] == "failed"} <= set(ERROR_TYPES)


def test_a_row_takes_about_a_kilobyte(world: World, past: list[Operation]) -> None:
    page = msgspec.json.encode([world.row(operation, ANCHOR) for operation in past[:1000]])
    assert 900_000 < len(page) < 1_600_000


def test_an_update_changes_one_thing_of_a_record(past: list[Operation]) -> None:
    histories: dict[int, list[Operation]] = {}
    for operation in past:
        if operation.resource in PERSISTENT and operation.operation_type == "update" and operation.flaw is None:
            histories.setdefault(operation.record, []).append(operation)
    pairs = [
        (payload_of(one), payload_of(other))
        for history in histories.values()
        for one, other in pairwise(history)
        if other.edition == one.edition + 1
    ]
    changed = Counter(sum(before[name] != after[name] for name in before) for before, after in pairs)
    assert set(changed) <= {1, 2}
    assert len(pairs) > 100


def test_texts_name_the_record_that_was_written(world: World, past: list[Operation]) -> None:
    taken = next(o for o in past if o.last_cause is not None and o.last_cause.key == "geotab_duplicate")
    row = world.row(taken, ANCHOR)
    assert row["payload"]["email"] in row["logs"][0]["error_details"]
    assert row["logs"][0]["response_status_code"] == 200


def test_an_anchor_is_the_full_hour_in_utc() -> None:
    assert anchor_of(datetime.fromisoformat("2026-06-24T17:59:59+02:00")) == ANCHOR
