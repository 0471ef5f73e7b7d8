"""Tenants over the wire: whose credentials, who is shown what, how much at a time."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from server.catena.allowance import Allowance
from server.demo.access import CLIENT_ID, CLIENT_SECRET
from server.demo.world import World
from server.runtimes import MOST_OPEN
from server.tenants import Credentials, Tenant, Tenants
from tests.serving.issuer import Issuer, issuing
from tests.serving.signed import ERAS, answer, asked, refused, requested, signed_in, told
from tests.serving.test_isolation import KEYSTONE


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


def tenant(name: str, secret: str = CLIENT_SECRET, client_id: str = CLIENT_ID, file: Path | None = None) -> Tenant:
    return Tenant(name, (("tenant", frozenset({name})),), Credentials(client_id, SecretStr(secret), file))


@pytest.mark.parametrize("era", ERAS)
def test_who_belongs_to_no_tenant_or_to_two_is_refused_at_the_door(world: World, issuer: Issuer, era: str) -> None:
    tenants = Tenants((tenant("acme"), tenant("beta")))
    with signed_in(world, issuer, tenants) as web:
        for claims in ({}, {"tenant": "gamma"}, {"tenant": ["acme", "beta"]}):
            said = asked(web, issuer.token(**claims), "summarize_failures", era)
            assert said.status == 403
            assert "no tenant of this server" in said.body
            assert "www-authenticate" not in said.headers
        assert told(asked(web, issuer.token(tenant="acme"), era=era))["tenant"] == "acme"


def test_a_tenant_without_credentials_is_told_so_and_gets_no_others(world: World, issuer: Issuer) -> None:
    sent: list[httpx.Request] = []
    tenants = Tenants((tenant("none", secret=""), tenant("wrong", secret="old"), tenant("acme")))
    with signed_in(world, issuer, tenants, sent=sent) as web:
        for tool in ("summarize_failures", "list_resource_operations"):
            assert "no Catena credentials for the tenant 'none'" in refused(
                asked(web, issuer.token(tenant="none"), tool)
            )
        assert sent == []
        uri = {"uri": f"catena://operations/{KEYSTONE}/{KEYSTONE}"}
        assert "no Catena credentials" in answer(requested(web, issuer.token(tenant="none"), "resources/read", uri))["error"]["message"]  # fmt: skip
        assert "refused the credentials" in refused(asked(web, issuer.token(tenant="wrong"), "summarize_failures"))
        assert told(asked(web, issuer.token(tenant="acme"), "summarize_failures"))["totals"]["failed"]


def test_a_callers_token_is_never_sent_to_catena(world: World, issuer: Issuer) -> None:
    sent: list[httpx.Request] = []
    with signed_in(world, issuer, Tenants((tenant("acme"),)), sent=sent) as web:
        token = issuer.token(tenant="acme")
        told(asked(web, token, "summarize_failures"))
    assert sent
    for request in sent:
        assert token not in f"{request.url} {request.headers.raw!r} {request.content!r}"


def test_a_secret_is_rotated_without_a_restart(world: World, issuer: Issuer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not yet the right one")
    with signed_in(world, issuer, Tenants((tenant("acme", "", file=secret),))) as web:
        assert "refused the credentials" in refused(asked(web, issuer.token(tenant="acme"), "summarize_failures"))
        secret.write_text(CLIENT_SECRET)
        assert told(asked(web, issuer.token(tenant="acme"), "summarize_failures"))["totals"]["operations"]
        secret.unlink()  # while it is being replaced, what is known goes on
        again = told(asked(web, issuer.token(tenant="acme"), "summarize_failures", refresh=True))
        assert again["totals"]["operations"]


@pytest.mark.parametrize("era", ERAS)
def test_personal_data_is_shown_to_who_holds_the_scope_and_to_nobody_else(
    world: World, issuer: Issuer, era: str
) -> None:
    def shown(scope: str) -> Any:
        payload = {"detail": "full", "size": 1, "resource": "user"}
        listed = told(asked(web, issuer.token(scope=scope), "list_resource_operations", era, **payload))
        return listed["operations"][0]["payload"], told(asked(web, issuer.token(scope=scope), era=era))["personal"]

    for by_setting in (False, True):
        with signed_in(world, issuer, show_personal_data=by_setting) as web:
            hidden, personal = shown("ops:read"), shown("ops:read ops:pii")
            assert shown("ops:read") == hidden
        assert (hidden[1], personal[1]) == (False, True)
        assert "<text>" in str(hidden[0])
        assert "<text>" not in str(personal[0])


def test_rows_of_more_tenants_than_there_is_room_for_make_room_and_each_is_answered(
    world: World, issuer: Issuer
) -> None:
    few = [
        Tenant(
            f"t{number}", (("tenant", frozenset({f"t{number}"})),), None, Allowance(connections=frozenset({KEYSTONE}))
        )
        for number in range(MOST_OPEN + 3)
    ]
    with signed_in(world, issuer, Tenants(tuple(few))) as web:
        for number in [*range(MOST_OPEN + 3), 0]:
            token = issuer.token(tenant=f"t{number}")
            listed = told(asked(web, token, "list_resource_operations", size=1, connection_id=KEYSTONE))
            assert listed["returned"] == 1


def test_one_caller_is_told_when_to_come_back_and_another_is_answered(world: World, issuer: Issuer) -> None:
    with signed_in(world, issuer, caller_questions=3) as web:
        said = [asked(web, issuer.token(), "list_resource_operations", size=1) for _ in range(4)]
        assert [answer(one)["result"].get("isError", False) for one in said] == [False, False, False, True]
        assert "Come back in 20 s" in refused(said[3])
        assert told(asked(web, issuer.token(sub="lee"), "list_resource_operations", size=1))["returned"] == 1


@pytest.mark.parametrize("tool", ["summarize_failures", "list_resource_operations"])
def test_what_is_read_counts_for_who_asked_and_what_was_held_for_nobody(
    world: World, issuer: Issuer, tool: str
) -> None:
    given: dict[str, Any] = {"status": "failed", "size": 1000} if tool == "list_resource_operations" else {}
    with signed_in(world, issuer, caller_operations=1000) as web:
        told(asked(web, issuer.token(), tool, **given))
        assert "1,000 operations and more were read for you" in refused(asked(web, issuer.token(), tool, **given))
        if tool == "summarize_failures":
            for _ in range(3):
                told(asked(web, issuer.token(sub="lee"), tool))


def test_calls_of_many_callers_at_once_do_not_meet(world: World, issuer: Issuer) -> None:
    wrong: list[str] = []
    tenants = Tenants((tenant("acme"), tenant("beta")))
    with signed_in(world, issuer, tenants) as web:

        def ask(name: str) -> None:
            for era in 3 * ERAS:
                who = told(asked(web, issuer.token(tenant=name.partition("-")[0], sub=name), era=era))
                if (who["subject"], who["tenant"]) != (name, name.partition("-")[0]):
                    wrong.append(name)

        threads = [threading.Thread(target=ask, args=(f"{kind}-{n}",)) for n in range(4) for kind in ("acme", "beta")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_catena_is_asked_for_no_more_than_may_be_seen(world: World, issuer: Issuer) -> None:
    def requests(tenants: Tenants, **given: Any) -> int:
        sent: list[httpx.Request] = []
        with signed_in(world, issuer, tenants, sent=sent) as web:
            token = issuer.token(tenant="t")
            told(asked(web, token, "summarize_failures", from_datetime="-10d", size=100, **given))
        return len(sent)

    claims = (("tenant", frozenset({"t"})),)
    narrow = Tenants((Tenant("t", claims, None, Allowance(connections=frozenset({KEYSTONE}))),))
    assert requests(narrow) <= 1.1 * requests(Tenants((Tenant("t", claims),)), connection_id=KEYSTONE)


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("summarize_failures", {"max_groups": 50}),
    ("list_resource_operations", {"status": "failed", "detail": "full", "size": 40}),
    ("list_resource_operations", {"outcome": "unresolved"}),
    ("break_down_failures", {"by": ["record"], "most": 100}),
    ("break_down_failures", {"by": ["cause"]}),
    ("compare_failures", {}),
]


def test_what_was_shown_to_one_who_may_see_personal_data_stays_hidden_from_the_next(
    world: World, issuer: Issuer
) -> None:
    def answers(*scopes: str) -> list[str]:
        """Ask everything with each scope in turn, of one server; return the answers to the last."""
        with signed_in(world, issuer) as web:
            said = [
                [asked(web, issuer.token(scope=scope), tool, **given).body for tool, given in QUESTIONS]
                for scope in scopes
            ]
        return said[-1]

    hidden, shown = answers("ops:read"), answers("ops:read ops:pii")
    assert hidden != shown
    assert answers("ops:read ops:pii", "ops:read") == hidden
