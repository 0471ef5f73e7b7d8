"""Causes over several signatures: what only a name keeps apart is one, and every id leads to it."""

import random
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.analysis.causes import by_cause, causes_in
from server.analysis.failures import groups_of
from server.analysis.rows import rows_of
from server.app import build_server
from tests.analysis.test_failures import END, START, operation
from tests.conftest import AT_ONCE, asking, facts, said, settings_of

NAMES = ["Jane Smith", "John Miller", "Ana Lopez", "Per Hansen", "Mia Wong", "Ole Berg", "Eva Klein", "Ivo Babic"]


CONNECTION = "01a0b859-c29f-74c8-8eee-fa7aa8948c89"


def about(name: str) -> str:
    return f"Driver {name} is assigned to another terminal"


def test_names_do_not_split_a_cause_once_there_are_enough_of_them() -> None:
    frame = rows_of([operation(n, n, error=about(name)) for n, name in enumerate(NAMES)])
    groups, *_ = groups_of(frame, START, END, most=50)
    assert [group.count for group in groups] == [len(NAMES)]
    assert not [name for name in NAMES if name in groups[0].title.text]


def test_another_sentence_stays_another_cause() -> None:
    errors = [about(name) for name in NAMES] + ["Driver licence has expired", "Vehicle is assigned to another terminal"]
    frame = rows_of([operation(n, n, error=error) for n, error in enumerate(errors)])
    groups, *_ = groups_of(frame, START, END, most=50)
    assert sorted(group.count for group in groups) == [1, 1, len(NAMES)]


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([*map(about, NAMES), "boom", '{"error": 17}', '{"error": 18}']), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_order_counts_and_parts_make_no_other_causes(errors: list[str], shuffler: random.Random) -> None:
    ops = [operation(n, n, error=error) for n, error in enumerate(errors)]
    whole = causes_in(rows_of(ops))
    shuffler.shuffle(ops)
    parts = causes_in(rows_of(ops[::2]), rows_of(ops[1::2]))
    assert parts.families.equals(whole.families)
    assert (parts.titles, parts.templates) == (whole.titles, whole.templates)
    frame = by_cause(rows_of(ops), whole)
    assert set(frame["group"].cast(str)) <= set(whole.titles)


@pytest.mark.anyio
async def test_every_tool_tells_the_same_id_and_a_list_of_it_holds_all_its_operations() -> None:
    ops = [
        operation(n, n, error=about(name), id=f"01a20903-1393-7e8f-a36a-0504d455a{n:03}")
        for n, name in enumerate(NAMES)
    ]
    plain = msgspec.to_builtins([_plain(op) for op in ops])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600, "scope": ""})
        one = next((row for row in plain if request.url.path.endswith(row["id"])), None)
        return httpx.Response(200, json=one or {"items": plain, "next_page": None})

    def opened() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    now = START + timedelta(hours=12)
    server = build_server(settings_of(), clock=lambda: now, open_http=opened, retries=AT_ONCE)
    async with asking(server) as ask:
        first, second = [
            facts(await ask("get_resource_operation", operation_id=op.id, connection_id=CONNECTION))["cause"]["group"]
            for op in ops[:2]
        ]
        (group,) = facts(await ask("summarize_failures"))["groups"]
        (older,) = group["formerly"]
        by_older = facts(await ask("list_resource_operations", group=older, size=50))
        listed = facts(await ask("list_resource_operations", group=group["id"], size=5))
        rest = facts(await ask("list_resource_operations", cursor=listed["next_cursor"]))
        single = facts(await ask("get_resource_operation", operation_id=ops[0].id, connection_id=CONNECTION))
        by_member = facts(await ask("list_resource_operations", group=single["cause"]["group"], size=50))
        comparison = await ask("compare_failures")
    assert first != second
    assert {group["id"], older} == {first, second}
    assert by_older["note"] == f"{older} is known as {group['id']} now."
    assert {row["id"] for row in by_older["operations"]} == {op.id for op in ops}
    rows = listed["operations"] + rest["operations"]
    assert {row["id"] for row in rows} == {op.id for op in ops} == {row["id"] for row in by_member["operations"]}
    assert {row["error"]["group"] for row in rows} == {group["id"]} == {single["cause"]["group"]}
    assert [(cause["id"], cause["formerly"]) for cause in facts(comparison)["groups"]] == [(group["id"], [older])]
    assert f"{group['id']} (was also {older})" in said(comparison)


def _plain(op: Any) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(op, name) for name in op.__struct_fields__ if name not in ("payload", "logs")}
    logs = [{name: getattr(log, name) for name in log.__struct_fields__} for log in op.logs]
    return told | {"payload": {"n": op.id}, "logs": logs}
