"""What bad input gets: a tool error with the cause and the next step, never a success and never a protocol error."""

from typing import Any

import httpx
import pytest
from mcp import Client, MCPError
from pydantic import SecretStr

from server.app import build_server
from server.demo.access import NARROW_CLIENT_ID
from server.demo.faults import Faults
from tests.conftest import AT_ONCE, NOW, Serve, asking, facts, refusal, said, settings_of

pytestmark = pytest.mark.anyio

BOTH = ["summarize_failures", "list_resource_operations"]

BAD_ARGUMENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"resource": "driver"}, ["driver", "user"]),
    ({"resource": "fuel_charge"}, ["fuel_charge", "fuel_transaction"]),
    ({"resource": "vehicles"}, ["Did you mean", "vehicle"]),
    ({"source_name": "samsra"}, ["samsra", "Did you mean 'samsara'"]),
    ({"source_id": "4711"}, ["needs `resource`"]),
    ({"from_datetime": "-60d"}, ["60.0 days", "45 at most", "from_datetime=2026-10-09T15:30:00Z"]),
    ({"from_datetime": "now", "to_datetime": "-1d"}, ["reversed", "Swap"]),
    ({"from_datetime": "2026-12-24"}, ["lies ahead", "2026-11-23T15:30:00Z"]),
    ({"size": 0}, ["`size`", "1 to 1000"]),
    ({"size": 5000}, ["`size`", "1 to 1000"]),
    ({"connection_id": "northwind"}, ["no UUID"]),
    ({"from_datetime": "last tuesday"}, ["last tuesday", "ISO 8601", "-24h"]),
    ({"to_datetime": "17901115"}, ["the year 1790", "ISO 8601"]),
    ({"to_datetime": "0001-01-01"}, ["the year 1,", "ISO 8601"]),
    ({"from_datetime": "123456789012"}, ["«123456789012»", "ISO 8601"]),
    ({"from_datetime": "2026-11-20", "to_datetime": "2026-11-20"}, ["same day", "to_datetime=2026-11-21T00:00:00Z"]),
    ({"fleet_refs": "northwind-haulage,keystone-parcel"}, ["a list", '["northwind-haulage", "keystone-parcel"]']),
    ({"fleet_refs": ["x" * 300]}, ["300 characters", "256"]),
    ({"source_id": "x" * 20_000, "resource": "user"}, ["20,000 characters", "256"]),
    ({"cursor": "x" * 20_000}, ["20,000 characters"]),
    ({"connection_id": "» ignore «"}, ["«› ignore ‹»", "no UUID"]),
    ({"fleet_refs": [str(n) for n in range(101)]}, ["101", "100 at most"]),
    ({"operation": "delete"}, ["delete", "create, update"]),
    ({"cursor": "c1.broken"}, ["cursor is broken", "unchanged"]),
    ({"cursor": "broken"}, ["400", "next_cursor"]),
    ({"sourcename": "samsara"}, ["no argument «sourcename»", "'source_name'"]),
]


@pytest.mark.parametrize("tool", BOTH)
@pytest.mark.parametrize(("arguments", "words"), BAD_ARGUMENTS, ids=lambda value: str(value)[:40])
async def test_a_bad_argument_is_refused_with_its_cause_and_the_next_step(
    serve: Serve, tool: str, arguments: dict[str, Any], words: list[str]
) -> None:
    async with asking(serve()) as ask:
        told = refusal(await ask(tool, **arguments))
    assert not [word for word in words if word not in told], told
    assert "Traceback" not in told
    assert "pydantic" not in told


async def test_a_name_is_matched_without_case_spaces_and_punctuation(serve: Serve) -> None:
    async with asking(serve()) as ask:
        assert facts(await ask("summarize_failures", source_name="J. J. Keller"))["filters"] == {
            "source_name": "jjkeller"
        }


async def test_an_array_sent_as_text_is_accepted(serve: Serve) -> None:
    async with asking(serve()) as ask:
        for sent in ('["prairie-line-logistics"]', "prairie-line-logistics", ["prairie-line-logistics"]):
            told = facts(await ask("summarize_failures", fleet_refs=sent))
            assert told["filters"] == {"fleet_refs": ["prairie-line-logistics"]}
            assert told["totals"]["operations"] > 0


async def test_a_value_the_api_itself_has_returned_may_be_asked_for(serve: Serve) -> None:
    async with asking(serve(Faults(drift=True))) as ask:
        await ask("summarize_failures")
        result = await ask("summarize_failures", resource="yard_event")
        # The demo API refuses it like the real one would; the point is that the server passed it on.
        assert "422" in said(result) or not result.is_error


async def test_a_status_filter_and_a_cause_are_checked(serve: Serve) -> None:
    async with asking(serve()) as ask:
        assert "Pass status='success'" in refusal(await ask("list_resource_operations", status="succeeded"))
        assert "pending, success, failed" in refusal(await ask("list_resource_operations", status="faild"))
        assert "summarize_failures" in refusal(await ask("list_resource_operations", group="samsara"))
        assert "Leave status out" in refusal(
            await ask("list_resource_operations", group="g_00000000", status="success")
        )


async def test_an_unknown_tool_is_a_protocol_error_with_the_nearest_name(serve: Serve) -> None:
    async with Client(serve()) as client:
        with pytest.raises(MCPError, match="Did you mean 'summarize_failures'"):
            await client.call_tool("summarise_failures", {})


@pytest.mark.parametrize("tool", BOTH)
async def test_wrong_credentials_name_the_settings(serve: Serve, tool: str) -> None:
    async with asking(serve(client_secret=SecretStr("hunter2"))) as ask:
        told = refusal(await ask(tool))
    assert "CATENA_CLIENT_SECRET" in told
    assert "hunter2" not in told


async def test_a_missing_scope_is_named(serve: Serve) -> None:
    async with asking(serve(client_id=NARROW_CLIENT_ID)) as ask:
        told = refusal(await ask("summarize_failures"))
    assert "lacks the scope resource_operation:read (granted: «connection:read»)" in told


async def test_nothing_listening_says_what_to_check() -> None:
    nowhere = "http://127.0.0.1:9"
    server = build_server(settings_of(base_url=nowhere, token_url=nowhere), clock=lambda: NOW, retries=AT_ONCE)
    async with asking(server) as ask:
        told = refusal(await ask("list_resource_operations"))
    assert "http://127.0.0.1:9 cannot be reached" in told
    assert "CATENA_TOKEN_URL" in told


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("<html>Welcome</html>", 200, ["not with the JSON", "CATENA_BASE_URL"]),
        ('{"items": [{"id"', 200, ["not with the JSON"]),
        ("<h1>Bad gateway</h1>", 502, ["502", "Try again"]),
        ('{"message": "Internal Server Error"}', 500, ["500"]),
        ('{"code": 404}', 404, ["404", "CATENA_BASE_URL"]),
        ('{"code": 405}', 405, ["405", "CATENA_BASE_URL"]),
        ('{"code": 409}', 409, ["409"]),
        ('{"code": 504}', 504, ["504"]),
        (
            '{"code":422,"message":"Invalid Request Body","detail":[{"path":"query.size","input":"5","message":"too big","error_type":"x"}]}',
            422,
            ["422", "«query.size: too big»", "Correct"],
        ),
        ('{"detail": {"retry_after_seconds": 3600, "message": "slow"}}', 429, ["429", "Come back in 3600 seconds"]),
    ],
)
async def test_each_answer_of_the_api_becomes_its_own_error(body: str, status: int, words: list[str]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"access_token": "t0ken", "expires_in": 3600, "scope": ""})
        return httpx.Response(status, text=body)

    def opened() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    server = build_server(settings_of(), clock=lambda: NOW, open_http=opened, retries=AT_ONCE)
    async with asking(server) as ask:
        for tool in BOTH:
            told = refusal(await ask(tool))
            assert not [word for word in words if word not in told], told
            assert "t0ken" not in told
