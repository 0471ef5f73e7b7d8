"""Whose rows: whatever callers of different tenants ask, in whatever order, nobody is told of a row they may not see."""

import json
import random
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from server.catena.allowance import EVERYTHING, Allowance
from server.catena.bookmark import Bookmark
from server.demo.world import World
from server.tenants import Tenant, Tenants
from tests.conftest import DAY, NOW, Row
from tests.redis_server import RedisServer
from tests.serving.conftest import Said, Web
from tests.serving.issuer import Issuer, issuing
from tests.serving.signed import answer, asked, refused, requested, signed_in, told

KEYSTONE, NORTHWIND, GREAT_LAKES = (
    "01a0188b-6d9e-72d0-a4c3-5bab14f4733f",
    "019edd8e-4ce2-7497-83b6-411d9531985d",
    "019eb794-1507-77fb-83f5-8c3cf29d0da9",
)
ALLOWANCES = {
    "all": EVERYTHING,
    "keystone": Allowance(connections=frozenset({KEYSTONE})),
    "two-connections": Allowance(connections=frozenset({NORTHWIND, GREAT_LAKES})),
    "fleet": Allowance(fleets=frozenset({"northwind-haulage"})),
    "fleets": Allowance(fleets=frozenset({"keystone-parcel", "sandbox", "no-such-fleet"})),
    "both": Allowance(frozenset({NORTHWIND}), frozenset({"northwind-haulage", "keystone-parcel"})),
    "neither": Allowance(frozenset({KEYSTONE}), frozenset({"northwind-haulage"})),
    "nothing": Allowance(connections=frozenset()),
}
TENANTS = Tenants(
    tuple(Tenant(name, (("tenant", frozenset({name})),), None, allowance) for name, allowance in ALLOWANCES.items())
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Rows:
    """The rows of a day, and which of them a caller may see: by another rule than the server's."""

    def __init__(self, world: World) -> None:
        first, last = world.count_before(NOW - 2 * DAY), world.count_before(NOW)
        encoded = msgspec.json.encode([world.row(operation, NOW) for operation in world.operations[first:last]])
        self.rows: list[Row] = msgspec.json.decode(encoded)
        self.traces = {row["id"]: self._traces_of(row) for row in self.rows}
        fleets = {row["fleet_ref"] for row in self.rows} - {None}
        self.fleets = re.compile("|".join(sorted(map(re.escape, fleets), key=len, reverse=True)))

    @staticmethod
    def _traces_of(row: Row) -> set[str]:
        return {row["id"], row["connection_id"], row["resource_id"], row["fleet_ref"]} - {None}

    def of(self, name: str) -> list[Row]:
        """Return what a tenant may see."""
        may = ALLOWANCES[name]
        return [
            row
            for row in self.rows
            if (may.connections is None or row["connection_id"] in may.connections)
            and (may.fleets is None or row["fleet_ref"] in may.fleets)
        ]

    def hidden_from(self, name: str) -> set[str]:
        """Return ids and references that stand in no row a tenant may see."""
        seen = set().union(*(self.traces[row["id"]] for row in self.of(name)))
        return set().union(*self.traces.values()) - seen

    def named_in(self, text: str) -> set[str]:
        """Return the ids and references that a text names."""
        return {*UUID.findall(text), *self.fleets.findall(text)}


@pytest.fixture(scope="module")
def rows() -> Rows:
    from server.demo.world import anchor_of, build_world

    return Rows(build_world(anchor_of(NOW)))


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


class Asking:
    """Callers of all tenants, and what they were told so far: ids, causes and cursors, which they hand to each other."""

    def __init__(self, servers: list[tuple[Web, str]], issuer: Issuer, rows: Rows, seed: int) -> None:
        self.servers = servers
        self.issuer = issuer
        self.rows = rows
        self.dice = random.Random(seed)
        self.cursors: list[str] = []
        self.causes: list[str] = ["g_00000000"]
        self.hidden = {name: rows.hidden_from(name) for name in ALLOWANCES}
        self.told = 0

    def one(self) -> None:
        """Let one of them ask one thing, and check what they are told."""
        name = self.dice.choice(list(ALLOWANCES))
        web, audience = self.dice.choice(self.servers)
        token = self.issuer.token(tenant=name, sub=f"{name}-{self.dice.randrange(3)}", aud=audience)
        if self.dice.random() < 0.1:
            row = self.dice.choice(self.rows.rows)
            given: dict[str, Any] = {"uri": f"catena://operations/{row['connection_id']}/{row['id']}"}
            said = requested(web, token, "resources/read", given)
        else:
            tool, given = self.question()
            said = asked(web, token, tool, **given)
        self.check(name, given, said)

    def question(self) -> tuple[str, dict[str, Any]]:
        dice, row = self.dice, self.dice.choice(self.rows.rows)
        window: dict[str, Any] = dice.choice(
            [{}, {"from_datetime": "-6h"}, {"from_datetime": "-26h", "to_datetime": "-2h"}]
        )
        some: dict[str, Any] = {
            "connection_id": row["connection_id"],
            "fleet_refs": [row["fleet_ref"] or "sandbox", "great-lakes-carriers"],
            "source_name": row["source_name"],
            "resource": row["resource"],
        }
        filters = {key: some[key] for key in dice.sample(sorted(some), dice.choice([0, 0, 1, 2]))}
        refresh = {"refresh": True} if dice.random() < 0.2 else {}
        causes = {"group": dice.sample(self.causes, 1)} if dice.random() < 0.3 else {}
        tool = dice.choice(["summary", "summary", "list", "list", "cursor", "breakdown", "compare", "trace", "get"])
        if tool == "summary":
            return "summarize_failures", window | filters | refresh | causes
        if tool == "breakdown":
            by = dice.choice([["fleet_ref"], ["connection_id"], ["record"], ["cause", "fleet_ref"], ["hour"]])
            return "break_down_failures", {"by": by, "most": 50} | window | filters | refresh | causes
        if tool == "compare":
            return "compare_failures", window | filters
        if tool == "list":
            kind = dice.choice(
                [{}, {"status": "failed"}, {"outcome": "unresolved"}, {"group": dice.choice(self.causes)}]
            )
            return "list_resource_operations", {
                "size": 5,
                "detail": dice.choice(["full", "concise", "ids"]),
            } | window | filters | kind
        if tool == "cursor" and self.cursors:
            return "list_resource_operations", {"cursor": dice.choice(self.cursors)}
        if tool == "trace":
            named = (
                {"source_id": row["source_id"]}
                if row["source_id"]
                else {"resource_id": row["resource_id"] or str(uuid4())}
            )
            return "trace_record", {"resource": row["resource"]} | named | window
        where = {"connection_id": row["connection_id"]} if dice.random() < 0.5 else {}
        return "get_resource_operation", {"operation_id": row["id"]} | where

    def check(self, name: str, given: dict[str, Any], said: Said) -> None:
        self.told += 1
        whole = answer(said)
        text = json.dumps(whole)
        cursors = re.findall(r'"next_cursor":\s*"([^"]+)"', text)
        for cursor in cursors:
            text = text.replace(cursor, "")
        # What somebody asks with may be said back to them; a cursor says what it was made with.
        filters = (
            json.dumps(whole.get("result", {}).get("structuredContent", {}).get("filters", {}))
            if "cursor" in given
            else ""
        )
        named = self.rows.named_in(text) - self.rows.named_in(json.dumps(given) + filters)
        assert not named & self.hidden[name], (name, given, named & self.hidden[name])
        self.cursors = [*self.cursors, *cursors][-20:]
        self.causes = [*self.causes, *re.findall(r"g_[0-9a-f]{8}", text)][-50:]


def counted(rows: list[Row], since: datetime = NOW - DAY) -> dict[str, int]:
    """Return the totals of a day."""
    day = [row for row in rows if datetime.fromisoformat(row["created_at"]) >= since]
    by_status = {status: sum(row["status"] == status for row in day) for status in ("success", "failed", "pending")}
    return {"operations": len(day)} | by_status


def test_each_caller_counts_what_they_may_see_whoever_asked_before(world: World, issuer: Issuer, rows: Rows) -> None:
    with signed_in(world, issuer, TENANTS) as web:
        for name in ["all", *ALLOWANCES, *reversed(ALLOWANCES)]:
            totals = told(asked(web, issuer.token(tenant=name), "summarize_failures"))["totals"]
            assert {key: totals.get(key, 0) for key in counted([])} == counted(rows.of(name)), name


@pytest.mark.parametrize("seed", range(2))
def test_no_row_is_told_to_who_may_not_see_it(world: World, issuer: Issuer, rows: Rows, seed: int) -> None:
    with signed_in(world, issuer, TENANTS) as web:
        asking = Asking([(web, issuer.audience)], issuer, rows, seed)
        for _ in range(60):
            asking.one()


def test_nor_where_servers_share_what_they_read(world: World, issuer: Issuer, rows: Rows) -> None:
    with RedisServer() as redis, ExitStack() as stack:
        servers = []
        for _ in range(2):
            web = stack.enter_context(signed_in(world, issuer, TENANTS, store_url=redis.url))
            servers.append((web, issuer.audience))
        for number, name in enumerate(ALLOWANCES):
            web, issuer.audience = servers[number % 2]
            totals = told(asked(web, issuer.token(tenant=name), "summarize_failures"))["totals"]
            assert {key: totals.get(key, 0) for key in counted([])} == counted(rows.of(name)), name
        asking = Asking(servers, issuer, rows, 7)
        for _ in range(60):
            asking.one()
        for key in redis.client().keys("*"):
            assert b"keystone" not in key


def test_what_may_not_be_seen_is_answered_as_what_does_not_exist(world: World, issuer: Issuer, rows: Rows) -> None:
    other = next(row for row in rows.rows if row["connection_id"] == NORTHWIND and row["source_id"])
    nowhere = {"id": "01a203e1-f810-72ed-a4cf-000000000000", "connection_id": str(uuid4()), "fleet_ref": "no-such-fleet",
               "source_id": other["source_id"].translate(str.maketrans("123456789", "912345678")), "resource_id": str(uuid4())}  # fmt: skip
    questions: list[tuple[str, dict[str, str]]] = [
        ("get_resource_operation", {"operation_id": "id", "connection_id": "connection_id"}),
        ("list_resource_operations", {"connection_id": "connection_id"}),
        ("list_resource_operations", {"fleet_refs": "fleet_ref"}),
        ("summarize_failures", {"connection_id": "connection_id"}),
        ("summarize_failures", {"fleet_refs": "fleet_ref"}),
        ("compare_failures", {"connection_id": "connection_id"}),
        ("break_down_failures", {"connection_id": "connection_id"}),
        ("trace_record", {"source_id": "source_id"}),
    ]

    def said(row: dict[str, Any], tool: str, named: dict[str, str]) -> str:
        extra: dict[str, Any] = {"by": ["fleet_ref"]} if tool == "break_down_failures" else {}
        extra |= {"resource": other["resource"]} if tool == "trace_record" else {}
        given: dict[str, Any] = {
            argument: [row[key]] if argument == "fleet_refs" else row[key] for argument, key in named.items()
        }
        text = json.dumps(answer(asked(web, token, tool, **given, **extra)))
        for key in named.values():
            text = text.replace(row[key], key)
        return text

    with signed_in(world, issuer, TENANTS) as web:
        token = issuer.token(tenant="keystone")
        for tool, named in questions:
            assert said(other, tool, named) == said(nowhere, tool, named), tool
        found = told(asked(web, issuer.token(tenant="all"), "get_resource_operation", operation_id=other["id"]))
        assert found["operation"]["id"] == other["id"]
        near = refused(asked(web, token, "get_resource_operation", operation_id=other["id"]))
        assert "around the time in its id" in near


def test_a_cursor_names_no_row_that_may_not_be_seen_and_is_good_for_its_tenant_alone(
    world: World, issuer: Issuer, rows: Rows
) -> None:
    def listed(name: str, **given: Any) -> Said:
        return asked(web, issuer.token(tenant=name), "list_resource_operations", **given)

    with signed_in(world, issuer, TENANTS) as web:
        first = told(listed("two-connections", size=40))
        assert told(listed("two-connections", size=40))["next_cursor"] == first["next_cursor"]
        found, page = [row["id"] for row in first["operations"]], first
        while page.get("next_cursor"):
            bookmark = Bookmark.decode(page["next_cursor"])
            assert bookmark is not None
            readable = urlsafe_b64decode(bookmark.cursor or "").decode("latin-1") + page["next_cursor"]
            assert not rows.named_in(readable)
            page = told(listed("two-connections", cursor=page["next_cursor"]))
            found += [row["id"] for row in page["operations"]]
        expected = {
            row["id"] for row in rows.of("two-connections") if datetime.fromisoformat(row["created_at"]) >= NOW - DAY
        }
        assert (len(found), set(found)) == (len(expected), expected)
        open_one = told(listed("all", size=5))["next_cursor"]
        own = Bookmark.decode(open_one)
        assert own is not None
        for foreign in (open_one, own.cursor, first["next_cursor"][:-2] + "AA", first["next_cursor"] + "é"):
            for name in ("keystone", "fleets"):
                assert "The cursor is broken" in refused(listed(name, cursor=foreign)), foreign
        assert "The cursor is broken" in refused(listed("keystone", cursor=first["next_cursor"]))
        assert told(listed("all", cursor=open_one))["returned"] == 5
