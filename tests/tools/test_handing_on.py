"""Every id, reference and cursor of any answer is taken, as it stands, by every tool that takes one."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from server.app import build_server
from server.demo.world import anchor_of, build_world
from tests.conftest import AT_ONCE, NOW, Ask, Row, Serve, asking, facts, http_to, refusal, said, settings_of

pytestmark = pytest.mark.anyio

WINDOW = {"from_datetime": "-26h"}
READ = {
    "summarize_failures": {},
    "compare_failures": {},
    "break_down_failures": {"by": "day"},
    "list_resource_operations": {},
}
FEW = 1
"""Values of a kind that are handed on of each answer."""

Given = dict[str, Any]
KINDS = {
    "operation_id": "operation_id", "connection_id": "connection_id", "top_connections": "connection_id", "fleet_ref": "fleet_refs",
    "top_fleets": "fleet_refs", "source_name": "source_name", "resource": "resource", "resources": "resource", "operation_type": "operation",
    "operation": "operation", "status": "status", "group": "group", "resource_id": "resource_id", "source_id": "source_id",
    "next_cursor": "cursor", "operation_ids": "operation_id", "covered_from": "from_datetime", "from_datetime": "from_datetime",
    "day": "from_datetime",
}  # fmt: skip
"""Which argument means what a field of an answer tells."""


async def answers(ask: Ask) -> list[tuple[str, Row]]:
    """Return the structured answers of all tools, also those that follow from others."""
    calls: list[tuple[str, Given]] = [
        ("summarize_failures", {"max_groups": 50}),
        ("compare_failures", {"max_groups": 50}),
        *[("break_down_failures", {"by": by}) for by in ("fleet_ref", "connection_id", "source_name", "resource", "operation", "status")],
        *[("break_down_failures", {"by": by}) for by in (["cause"], ["record"], ["day"], ["record", "cause"])],
        ("list_resource_operations", {"status": "failed", "detail": "full", "size": 20}),
        ("list_resource_operations", {"status": "pending"}),
        ("list_resource_operations", {"outcome": "unresolved", "size": 20}),
        ("list_resource_operations", {"outcome": "recovered", "detail": "ids", "size": 20}),
    ]  # fmt: skip
    told = [(tool, facts(await ask(tool, **arguments, **WINDOW))) for tool, arguments in calls]
    rows = [row for _, answer in told for row in answer.get("operations", [])]
    row = next(row for row in rows if row.get("source_id") and row["status"] == "failed")
    told.append(("get_resource_operation", facts(await ask("get_resource_operation", operation_id=row["id"]))))
    told.append(("trace_record", facts(await ask("trace_record", operation_id=row["id"]))))
    return told


def handed_on(value: Any, name: str = "", resource: str = "") -> Iterator[tuple[str, str, str]]:
    """Return what an answer tells that an argument takes: the argument, the value, and the kind of record it is of."""
    if isinstance(value, list):
        for part in value:
            yield from handed_on(part, name, resource)
    elif isinstance(value, dict):
        resource = value["resource"] if isinstance(value.get("resource"), str) else resource
        if "known_by" in value:
            yield value["known_by"], value["id"], resource
            value = {**value, "id": ""}
        for key, part in value.items():
            if key in ("filters", "attempts", "logs", "headers", "payload"):
                continue
            if name == "resources":
                yield "resource", key, ""
            yield from handed_on(part, key, resource)
    elif isinstance(value, str) and value:
        if name == "id":
            yield ("group" if value.startswith("g_") else "operation_id" if len(value) == 36 else ""), value, resource
        yield KINDS.get(name, ""), value, resource


def calls_with(kind: str, value: str, resource: str) -> Iterator[tuple[str, Given]]:
    """Return every call that takes a value."""
    filters: dict[str, list[Given]] = {
        "connection_id": [{"connection_id": value}], "fleet_refs": [{"fleet_refs": [value]}, {"fleet_refs": value}],
        "source_name": [{"source_name": value}], "resource": [{"resource": value}], "operation": [{"operation": value}],
        "source_id": [{"source_id": value, "resource": resource}], "from_datetime": [{"from_datetime": value}],
    }  # fmt: skip
    for given in filters.get(kind, []):
        yield from ((tool, WINDOW | more | given) for tool, more in READ.items())
    if kind == "status":
        yield "list_resource_operations", {"status": value} | WINDOW
    if kind == "group":
        yield from (
            (tool, more | {"group": value} | WINDOW) for tool, more in READ.items() if tool != "compare_failures"
        )
        yield from ((tool, {"from_group": value} | WINDOW) for tool in ("summarize_failures", "compare_failures"))
        yield "list_resource_operations", {"group": value, "outcome": "unresolved"} | WINDOW
    if kind == "operation_id":
        yield from ((tool, {"operation_id": value}) for tool in ("get_resource_operation", "trace_record"))
    if kind in ("source_id", "resource_id"):
        yield "trace_record", {kind: value, "resource": resource} | WINDOW
    if kind == "cursor":
        yield from ((tool, {"cursor": value}) for tool in ("list_resource_operations", "summarize_failures"))


def is_empty(tool: str, answer: Row) -> bool:
    if tool == "list_resource_operations":
        return not answer["scanned"]
    totals = answer.get("totals", {})
    if tool == "compare_failures":
        return not totals["window"]["operations"]
    return totals.get("operations") == 0 or answer.get("story") == []


async def test_what_any_answer_tells_is_taken_by_every_tool_that_takes_such_a_thing() -> None:
    small = build_world(anchor_of(NOW), operations=6_000)
    server = build_server(settings_of(), clock=lambda: NOW, open_http=http_to(small), retries=AT_ONCE)
    tried: defaultdict[str, int] = defaultdict(int)
    wrong, done = [], set[str]()
    async with asking(server) as ask:
        for source, answer in await answers(ask):
            chosen: defaultdict[str, dict[tuple[str, str], None]] = defaultdict(dict)
            for kind, value, resource in handed_on(answer):
                if kind and len(chosen[kind]) < FEW:
                    chosen[kind][value, resource] = None
            for kind, values in chosen.items():
                for value, resource in values:
                    for tool, given in calls_with(kind, value, resource):
                        if (call := repr((tool, given))) in done:
                            continue
                        done.add(call)
                        tried[f"{kind} to {tool}"] += 1
                        result = await ask(tool, **given)
                        if result.is_error or is_empty(tool, facts(result)):
                            wrong.append((source, tool, given, said(result)[:300]))
    assert not wrong, wrong[:5]
    assert {pair.partition(" ")[0] for pair in tried} == {*KINDS.values()}, sorted(tried)
    assert len(tried) >= 39, sorted(tried)
    assert len(done) > 100


async def test_what_stands_in_quotation_marks_in_a_text_is_taken_with_them(serve: Serve, truth: list[Row]) -> None:
    row = next(row for row in truth if (row["source_id"] or "").startswith("OMN-"))
    async with asking(serve()) as ask:
        for given in (
            {"fleet_refs": [f"«{row['fleet_ref']}»"]},
            {
                "source_name": f"«{row['source_name']}»",
                "resource": f"«{row['resource']}»",
                "source_id": f"«{row['source_id']}»",
            },
        ):
            assert facts(await ask("summarize_failures", **given))["totals"]["operations"] > 0
        group = facts(await ask("summarize_failures"))["groups"][0]["id"]
        assert facts(await ask("summarize_failures", group=f"«{group}»"))["groups"][0]["id"] == group


async def test_an_operation_of_rows_just_read_is_got_with_one_request(serve: Serve) -> None:
    sent: list[httpx.Request] = []
    async with asking(serve(sent=sent)) as ask:
        example = facts(await ask("summarize_failures"))["groups"][0]["example"]
        sent.clear()
        told = facts(await ask("get_resource_operation", operation_id=example["operation_id"].upper()))
    assert told["operation"]["connection_id"] == example["connection_id"]
    assert [request.url.path.rpartition("/")[2] for request in sent] == [example["operation_id"]]


async def test_an_id_of_something_else_is_refused_with_the_tool_that_takes_it(serve: Serve, truth: list[Row]) -> None:
    row = next(row for row in truth if row["resource"] == "user" and row["source_id"])
    other = next(r["connection_id"] for r in truth if r["connection_id"] != row["connection_id"])
    async with asking(serve()) as ask:
        summary = facts(await ask("summarize_failures"))
        cursor = facts(await ask("list_resource_operations", size=1))["next_cursor"]
        mistaken = {
            summary["groups"][0]["id"]: "is a cause: pass it as `group`",
            cursor: "is a cursor: pass it as `cursor`",
            row[
                "resource_id"
            ]: "resource_id of a record (user), no operation: pass it as `resource_id` with resource=user to trace_record",
            row["connection_id"]: "is a connection, no operation",
            row["source_id"]: "trace_record takes a record's id at the TSP",
            "c1": "short name of a connection",
        }
        for value, told in mistaken.items():
            for tool in ("get_resource_operation", "trace_record"):
                assert told in refusal(await ask(tool, operation_id=value)), value
        told = refusal(await ask("get_resource_operation", operation_id=row["id"], connection_id=other))
        assert f"is of connection {row['connection_id']}, not of {other}" in told
        for tool in ("summarize_failures", "list_resource_operations", "trace_record"):
            assert "is a cause" in refusal(
                await ask(
                    tool,
                    connection_id=summary["groups"][0]["id"],
                    **({"resource": "user", "source_id": "1"} if tool == "trace_record" else {}),
                )
            )
