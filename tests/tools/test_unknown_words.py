"""Words nobody knew: asked of the API, filtered and counted as they are; and an answer they leave empty says so."""

import json
from collections import Counter
from typing import Any

import httpx
import msgspec
import pytest

from server.demo.faults import Faults, drifted
from server.demo.world import World
from tests.conftest import DAY, NOW, Row, Serve, asking, facts, refusal, said
from tests.hostile import SHOUT, against, faults_of

pytestmark = pytest.mark.anyio

FILTERED: list[tuple[str, dict[str, Any]]] = [
    ("summarize_failures", {}),
    ("list_resource_operations", {}),
    ("list_resource_operations", {"outcome": "unresolved"}),
    ("break_down_failures", {"by": "fleet_ref"}),
    ("compare_failures", {}),
]


def lists(sent: list[httpx.Request]) -> list[httpx.Request]:
    return [request for request in sent if request.url.path.endswith("/resource-operations")]


@pytest.mark.parametrize(("tool", "more"), FILTERED, ids=str)
async def test_a_new_tsp_is_asked_of_the_api_and_answered(
    world: World, truth: list[Row], tool: str, more: dict[str, Any]
) -> None:
    rows = [{**row, "source_name": "platform_science"} for row in truth[:60]]
    async with against(world, lambda: json.dumps({"items": rows, "next_page": None}).encode()) as ask:
        result = await ask(tool, source_name="platform_science", **more)
    assert facts(result)["filters"]["source_name"] == "platform_science"
    assert "«platform_science»" in said(result)


@pytest.mark.parametrize(("tool", "more"), FILTERED, ids=str)
async def test_what_the_api_refuses_is_told_with_the_words_near_it_and_where_all_are(
    serve: Serve, tool: str, more: dict[str, Any]
) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        told = refusal(await ask(tool, source_name="verizon", **more))
        assert lists(sent)[0].url.params["source_name"] == "verizon"
        assert "422" in told
        assert "near it: verizon_connect" in told
        assert "catena://vocabulary" in told
        told = refusal(await ask(tool, resource="yard", **more))
        assert "The resource «yard» is new to this server too; no known word is near it." in told


async def test_an_api_that_ignores_a_word_it_does_not_know_is_not_taken_at_it(world: World, truth: list[Row]) -> None:
    body = json.dumps({"items": truth[:80], "next_page": None}).encode()
    async with against(world, lambda: body) as ask:
        for tool, more in FILTERED:
            if tool == "list_resource_operations":
                continue  # its rows name their TSP
            result = await ask(tool, source_name="platform_science", **more)
            assert "The API did not keep to source_name: operations of " in said(result)
            assert not faults_of(result)


async def test_a_misspelt_word_sends_no_request(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        for wrong in ({"source_name": "samsra"}, {"resource": "vehicls"}, {"operation": "created"}):
            assert "Did you mean" in refusal(await ask("summarize_failures", **wrong))
    assert not sent


async def test_statuses_beyond_the_contract_are_listed_and_broken_down(serve: Serve, world: World) -> None:
    operations = world.operations[world.count_before(NOW - DAY) : world.count_before(NOW)]
    rows = [drifted(msgspec.json.decode(msgspec.json.encode(world.row(op, NOW)))) for op in operations]
    statuses = Counter(row["status"] for row in rows)
    cancelled = {row["id"] for row in rows if row["status"] == "cancelled"}
    assert len(cancelled) > 10
    async with asking(serve(Faults(drift=True))) as ask:
        for written in ("cancelled", "Cancelled"):
            listed = facts(await ask("list_resource_operations", status=written, size=1000))
            assert {row["id"] for row in listed["operations"]} == cancelled
        told = facts(await ask("break_down_failures", by="status"))
        assert {row["key"]["status"]: row["operations"] for row in told["rows"]} == statuses
        assert told["totals"]["unknown_status"] == len(cancelled)
        assert "Did you mean cancelled?" in refusal(await ask("list_resource_operations", status="canceled"))


async def test_a_status_that_no_operation_has_is_told_with_those_that_were_met(serve: Serve) -> None:
    async with asking(serve()) as ask:
        result = await ask("list_resource_operations", status="cancelled")
    assert facts(result)["returned"] == 0
    assert "No operation read has the status cancelled, which this server filters" in said(result)
    assert "Seen: failed, pending, success." in facts(result)["note"]


async def test_a_cause_nobody_met_is_told_as_one_in_a_list_too(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for more in ({}, {"outcome": "unresolved"}):
            result = await ask("list_resource_operations", group="g_00000000", **more)
            assert "No failure that was read lately has the cause g_00000000" in said(result)


NOTHING: list[tuple[dict[str, Any], str]] = [
    ({"fleet_refs": ["keystone-parcels"]}, "fleet_refs «keystone-parcels» was never seen by this server; near it: «keystone-parcel»"),
    ({"source_name": "zubie"}, "source_name zubie was never seen by this server, though the API's contract names it"),
    ({"resource": "hos_event"}, "resource hos_event was never seen by this server, though the API's contract names it"),
    ({"connection_id": "019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90"}, "connection_id 019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90 was never seen"),
    ({"source_name": "samsara", "fleet_refs": ["baltic-forwarding"]}, "Seen in other answers: source_name samsara, fleet_refs «baltic-forwarding»"),
    ({"resource": "user", "source_id": "4711"}, "source_id 4711 is in none of the rows read lately"),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "told"), NOTHING, ids=str)
@pytest.mark.parametrize(("tool", "more"), FILTERED, ids=str)
async def test_the_first_answer_of_a_server_says_of_filters_that_match_nothing_whether_they_were_ever_seen(
    serve: Serve, tool: str, more: dict[str, Any], filters: dict[str, Any], told: str
) -> None:
    async with asking(serve()) as ask:
        result = await ask(tool, **filters, **more)
    assert told in said(result)
    assert told in json.dumps(facts(result), ensure_ascii=False)
    assert "no sign that nothing fails" in said(result)
    assert not said(result).startswith(("No failures", "No operations."))


async def test_one_fleet_of_several_that_has_nothing_is_named(serve: Serve) -> None:
    refs = ["keystone-parcel", "keystone-parcels", "blue-ridge-freight"]
    async with asking(serve()) as ask:
        for tool in ("summarize_failures", "break_down_failures", "compare_failures"):
            more = {"by": "day"} if tool == "break_down_failures" else {}
            result = await ask(tool, fleet_refs=refs, **more)
            assert "1 of the 3 fleet_refs have no operation here. fleet_refs «keystone-parcels» was never seen" in said(
                result
            )
            assert "no operation here" not in said(await ask(tool, fleet_refs=refs[::2], **more))


async def test_an_id_at_a_tsp_written_otherwise_is_found_near(serve: Serve, truth: list[Row]) -> None:
    row = next(row for row in truth if (row["source_id"] or "").startswith("OMN-"))
    async with asking(serve()) as ask:
        await ask("summarize_failures")
        wrong = row["source_id"].lower().replace("-", " ")
        for tool in ("trace_record", "list_resource_operations", "summarize_failures"):
            assert f"near it: «{row['source_id']}»" in said(await ask(tool, resource=row["resource"], source_id=wrong))
        other = "vehicle" if row["resource"] != "vehicle" else "user"
        found = said(await ask("summarize_failures", resource=other, source_id=row["source_id"]))
        assert f"source_id «{row['source_id']}» was seen: {row['resource']} of omnitracs" in found


async def test_looking_around_costs_one_request_and_none_where_all_is_known(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        await ask("summarize_failures", fleet_refs=["nobody"])
        assert len(lists(sent)) == 2
        sent.clear()
        await ask("summarize_failures", source_name="samsara", fleet_refs=["baltic-forwarding"])
        assert len(lists(sent)) == 1


async def test_words_of_others_that_are_near_stand_in_quotation_marks(world: World, truth: list[Row]) -> None:
    body = {
        "items": [{**row, "source_name": SHOUT, "fleet_ref": SHOUT, "status": SHOUT} for row in truth[:20]],
        "next_page": None,
    }
    empty = json.dumps({"items": [], "next_page": None}).encode()
    bodies = [json.dumps(body).encode(), empty]
    async with against(world, lambda: bodies[0], fresh_s=0) as ask:
        await ask("summarize_failures")
        near = SHOUT.strip("»« ").lower() + "x"
        for given in ({"source_name": near}, {"fleet_refs": [near]}, {"status": near}, {"status": near[:20]}):
            bodies.reverse()
            result = await ask("list_resource_operations", **given)
            bodies.reverse()
            assert not faults_of(result), said(result)
