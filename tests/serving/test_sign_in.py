"""Who may come in: real tokens of a real issuer, over real HTTP."""

import base64
import json
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import get_default_algorithms
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from server.demo.world import World
from server.doctor import Check, check_setup
from server.serving.keys import AGAIN_S, AWAY_S, FRESH_S, LAST_S, IssuerAway, Keys
from server.serving.tokens import BadToken, Verifier
from tests.conftest import settings_of
from tests.serving.conftest import Web
from tests.serving.issuer import AUDIENCE, MAKE, Issuer, issuing
from tests.serving.signed import ERAS, METADATA, asked, challenge, signed_in, told


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def web(world: World, issuer: Issuer) -> Iterator[Web]:
    with signed_in(world, issuer) as web:
        yield web


def test_without_a_token_a_client_is_told_where_to_get_one_and_finds_the_issuer(web: Web, issuer: Issuer) -> None:
    for path in ("/mcp", "/mcp/", "//mcp", "/", "/docs", "/healthz/x", "/.well-known"):
        said = web.ask(path=path)
        assert said.status == 401, path
        assert challenge(said) == {"scope": "ops:read", "resource_metadata": f"http://127.0.0.1:{web.port}{METADATA}"}
    found = web.ask("GET", METADATA, b"")
    assert json.loads(found.body) == {
        "resource": issuer.audience,
        "authorization_servers": [issuer.address],
        "scopes_supported": ["ops:read", "ops:pii"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Catena resource operations",
    }
    assert web.ask("GET", "/healthz", b"").status == 200
    for nothing in ("/.well-known/openid-configuration", "/.well-known/../mcp", "/.well-known/%2e%2e/mcp"):
        assert web.ask("GET", nothing, b"").status == 404
        assert web.ask(path=nothing).status == 404
    assert issuer.asked == [], "whoever brings nothing makes nobody ask the issuer"


@pytest.mark.parametrize(("era", "algorithm"), [*zip(2 * ERAS, MAKE, strict=True)])
def test_a_good_token_lets_in_and_goes_no_further(web: Web, issuer: Issuer, era: str, algorithm: str) -> None:
    issuer.rotate("other", algorithm)
    token = issuer.token(scope="openid ops:read ops:pii")
    who = told(asked(web, token, era=era))
    assert (who["subject"], who["client"], who["scopes"]) == ("dana", "chat", ["ops:pii", "ops:read"])
    assert "authorization" not in who["headers"]
    assert token not in json.dumps(who)


def test_what_other_issuers_call_client_and_scopes_is_understood(web: Web, issuer: Issuer) -> None:
    entra = issuer.token(client_id=None, azp="copilot", scope=None, scp="ops:read")
    okta = issuer.token(client_id=None, cid="copilot", scope=None, scp=["ops:read", 7])
    for token in (entra, okta):
        who = told(asked(web, token))
        assert (who["client"], who["scopes"]) == ("copilot", ["ops:read"])
    assert told(asked(web, issuer.token(aud=["https://other.example", issuer.audience])))["subject"] == "dana"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": 1_700_000_000}, "expired"),
    "not yet": ({"nbf": 4_000_000_000}, "not in force yet"),
    "for another server": ({"aud": "http://127.0.0.1:9999/mcp"}, "another server"),
    "for a path below": ({"aud": AUDIENCE + "/x"}, "another server"),
    "for nobody": ({"aud": None}, "all that it must"),
    "of another issuer": ({"iss": "https://evil.example"}, "another issuer"),
    "without end": ({"exp": None}, "all that it must"),
    "with an end that is none": ({"exp": float("inf")}, "all that it must"),
    "of nobody": ({"sub": None}, "all that it must"),
    "of an empty name": ({"sub": ""}, "all that it must"),
    "of a name without end": ({"sub": "x" * 300}, "all that it must"),
    "of a number": ({"sub": 7}, "all that it must"),
}


def test_a_token_that_says_something_else_is_refused_with_the_reason(web: Web, issuer: Issuer) -> None:
    for what, (claims, why) in BAD.items():
        said = asked(web, issuer.token(**claims))
        assert (said.status, challenge(said)["error"]) == (401, "invalid_token"), what
        assert challenge(said)["scope"] == "ops:read"
        assert challenge(said)["resource_metadata"].endswith(METADATA)
        assert why in said.body, what


def forged(issuer: Issuer) -> dict[str, str]:
    """Return tokens that the issuer did not sign, each by another way to make a server believe so."""
    good = issuer.token()
    _, claims, signature = good.split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "k1"}).encode()).decode().rstrip("=")
    public = issuer.keys["k1"][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    said = jwt.decode(good, options={"verify_signature": False})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jwt.algorithms.is_pem_format", lambda _: False)  # the library itself refuses to sign so
        confused = jwt.encode(said, public, "HS256", {"kid": "k1"})
    return {
        "without signature": f"{none}.{claims}.",
        "with a false signature": good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB"),
        "with the public key as a secret": confused,
        "with another key": jwt.encode(said, MAKE["ES256"](), "ES256", {"kid": "k1"}),
        "with a key that is not named": jwt.encode(said, MAKE["ES256"](), "ES256", {"kid": "k9"}),
        "with another algorithm": jwt.encode(said, MAKE["RS256"](), "RS256", {"kid": "k1"}),
        "with a key of its own": jwt.encode(said, MAKE["ES256"](), "ES256", {"jwk": issuer.jwks()["keys"][0], "jku": "http://127.0.0.1:1/"}),
        "that is none": "x.y.z",
        "that is half": f"{claims}.{signature}",
    }  # fmt: skip


def test_no_forged_token_is_taken(web: Web, issuer: Issuer) -> None:
    for how, token in forged(issuer).items():
        said = asked(web, token)
        assert (said.status, challenge(said)["error"]) == (401, "invalid_token"), how
    for header in (
        ["Basic ZGFuYTp4"],
        ["Bearer"],
        ["Bearer "],
        [f"Bearer {issuer.token()}", f"Bearer {issuer.token()}"],
    ):
        assert web.ask(authorization=header).status == 401, header
    assert web.ask(path=f"/mcp?access_token={issuer.token()}").status == 401


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3))  # fmt: skip
HEADERS = st.fixed_dictionaries({}, optional={"alg": JSON | st.just("ES256"), "kid": JSON | st.just("k1"), "typ": JSON, "crit": JSON, "b64": JSON, "zip": JSON})  # fmt: skip
CLAIMS = st.fixed_dictionaries({}, optional=dict.fromkeys(("iss", "aud", "sub", "exp", "nbf", "iat", "scope", "client_id"), JSON))  # fmt: skip


@pytest.fixture
def verifier(issuer: Issuer) -> Verifier:
    return Verifier(issuer.address, AUDIENCE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(headers=HEADERS, claims=CLAIMS, noise=st.text(max_size=40), signed=st.booleans())
def test_whatever_is_sent_as_a_token_is_answered_with_a_reason(
    issuer: Issuer, verifier: Verifier, headers: dict[str, Any], claims: dict[str, Any], noise: str, signed: bool
) -> None:
    def part(told: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")

    signer = issuer.keys["k1"][1]
    about = {"alg": "ES256", "kid": "k1"} | headers
    good = {"iss": issuer.address, "aud": AUDIENCE, "sub": "x", "exp": 4_000_000_000} | claims
    body = f"{part(about)}.{part(good)}".encode()
    signature = get_default_algorithms()["ES256"].sign(body, signer) if signed else noise.encode()
    token = f"{body.decode()}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    deep = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 9000).decode()

    async def verified() -> None:
        for text in (token, noise, f"{deep}.{deep}.{noise}", f"{noise}.{token}"):
            with suppress(BadToken):
                assert (await verifier.verify(text)).subject == good["sub"]
                assert signed

    anyio.run(verified)


@pytest.mark.anyio
async def test_short_keys_and_shared_secrets_of_an_issuer_are_not_taken(issuer: Issuer) -> None:
    issuer.keys["k1"] = ("RS256", rsa.generate_private_key(65537, 1024))
    with pytest.raises(BadToken), pytest.warns(jwt.InsecureKeyLengthWarning):
        await Verifier(issuer.address, AUDIENCE).verify(issuer.token())
    issuer.jwks = lambda: {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}]}  # type: ignore[method-assign]
    with pytest.raises(IssuerAway):
        await Keys(issuer.address).find("k1", "RS256")


def test_a_token_without_the_scope_is_told_which_to_ask_for(web: Web, issuer: Issuer) -> None:
    for scope, wanted in (("openid", "ops:read"), ("ops:pii", "ops:read ops:pii"), (None, "ops:read")):
        said = asked(web, issuer.token(scope=scope))
        assert said.status == 403
        assert challenge(said)["error"] == "insufficient_scope"
        assert challenge(said)["scope"] == wanted
        assert challenge(said)["resource_metadata"].endswith(METADATA)


def test_a_client_that_wants_personal_data_is_told_which_scope_to_ask_for(web: Web, issuer: Issuer) -> None:
    wants: dict[str, Any] = {"catena_personal_data": "show"}
    assert challenge(web.ask(**wants))["scope"] == "ops:read ops:pii"
    lacks = web.ask(authorization=f"Bearer {issuer.token()}", **wants)
    assert (lacks.status, challenge(lacks)["error"], challenge(lacks)["scope"]) == (
        403,
        "insufficient_scope",
        "ops:read ops:pii",
    )
    assert web.ask(authorization=f"Bearer {issuer.token(scope='ops:pii ops:read')}", **wants).status == 200
    assert web.ask(authorization=f"Bearer {issuer.token()}", catena_personal_data="hide").status == 200


def test_the_clocks_of_issuer_and_server_may_differ_a_little(web: Web, issuer: Issuer) -> None:
    time_was = int(time.time())
    differing: list[dict[str, Any]] = [{"exp": time_was - 10}, {"nbf": time_was + 10, "iat": time_was + 10}]
    for claims in differing:
        assert asked(web, issuer.token(**claims)).status == 200


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.anyio
async def test_keys_rotate_without_a_restart_and_a_withdrawn_one_ends(issuer: Issuer) -> None:
    clock = Clock()
    verifier = Verifier(issuer.address, AUDIENCE, Keys(issuer.address, clock))
    old = issuer.token()
    assert (await verifier.verify(old)).subject == "dana"
    issuer.rotate("k2", "RS256", keep=True)
    clock.at += AGAIN_S
    assert (await verifier.verify(issuer.token())).subject == "dana"
    assert (await verifier.verify(old)).subject == "dana"
    del issuer.keys["k1"]
    clock.at += FRESH_S + 1
    with pytest.raises(BadToken, match="a key that the issuer does not name"):
        await verifier.verify(old)


@pytest.mark.anyio
@pytest.mark.parametrize("named", [True, False])
async def test_a_new_key_under_the_old_id_or_under_none_is_taken_too(issuer: Issuer, named: bool) -> None:
    clock = Clock()
    verifier = Verifier(issuer.address, AUDIENCE, Keys(issuer.address, clock))
    headers = None if named else {"kid": None}
    old = issuer.token(headers=headers)
    assert (await verifier.verify(old)).subject == "dana"
    issuer.rotate("k1", "ES256")
    new = issuer.token(headers=headers)
    with pytest.raises(BadToken):
        await verifier.verify(new)  # so soon after the issuer was asked
    clock.at += AGAIN_S
    assert (await verifier.verify(new)).subject == "dana"
    with pytest.raises(BadToken):
        await verifier.verify(old)


@pytest.mark.anyio
async def test_tokens_that_name_unknown_keys_do_not_make_the_issuer_busy(issuer: Issuer) -> None:
    clock = Clock()
    verifier = Verifier(issuer.address, AUDIENCE, Keys(issuer.address, clock))

    async def try_it(number: int) -> None:
        with pytest.raises(BadToken):
            await verifier.verify(issuer.token(headers={"kid": f"none-{number}"}))

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(try_it, number)
    assert issuer.asked.count("/jwks") == 1
    clock.at += AGAIN_S
    await try_it(0)
    assert issuer.asked.count("/jwks") == 2


@pytest.mark.anyio
async def test_while_the_issuer_is_away_known_keys_count_for_an_hour_and_then_nobody_is_let_in(issuer: Issuer) -> None:
    clock = Clock()
    verifier = Verifier(issuer.address, AUDIENCE, Keys(issuer.address, clock))
    assert (await verifier.verify(issuer.token())).subject == "dana"
    issuer.away = True
    clock.at += LAST_S - 1
    assert (await verifier.verify(issuer.token())).subject == "dana"
    with pytest.raises(IssuerAway):
        await verifier.verify(issuer.token(headers={"kid": "new"}))
    clock.at += 2
    with pytest.raises(IssuerAway):
        await verifier.verify(issuer.token())
    issuer.away = False
    clock.at += AWAY_S
    assert (await verifier.verify(issuer.token())).subject == "dana"


@pytest.mark.anyio
async def test_an_issuer_that_hangs_holds_up_one_caller_and_not_all(issuer: Issuer) -> None:
    clock = Clock()
    keys = Keys(issuer.address, clock)
    assert await keys.find("k1", "ES256")
    begun = anyio.Event()

    async def hangs(_: Keys) -> dict[str | None, dict[str, Any]]:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keys, "_fetch", hangs)
        clock.at += FRESH_S + 1
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keys.find, "k1", "ES256")
            await begun.wait()
            with anyio.fail_after(1):
                assert await keys.find("k1", "ES256")
            tasks.cancel_scope.cancel()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "odd",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://keys.example/jwks"},
        {"jwks_uri": 7},
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
    ],
)
async def test_metadata_that_leads_elsewhere_gives_no_keys(issuer: Issuer, odd: dict[str, Any]) -> None:
    good = issuer.metadata()
    issuer.metadata = lambda: good | odd  # type: ignore[method-assign]
    with pytest.raises(IssuerAway):
        await Keys(issuer.address).find("k1", "ES256")


def test_without_its_issuer_a_server_says_so_with_the_time_to_come_back(
    web: Web, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.away = True
    said = asked(web, issuer.token())
    assert (said.status, said.headers["retry-after"]) == (503, "10")
    assert "does not answer" in said.body
    assert "CATENA_AUTH_ISSUER" in caplog.text


def test_no_token_is_ever_logged_or_said_back(web: Web, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = [issuer.token(), issuer.token(exp=1), issuer.token(scope=""), *forged(issuer).values()]
    bodies = [asked(web, token).body for token in tokens]
    for token in tokens:
        for secret in (token, token.rpartition(".")[2] or token):
            assert secret not in caplog.text
            assert not [body for body in bodies if secret in body]


def test_a_page_may_ask_before_it_signs_in_and_read_the_challenge(web: Web) -> None:
    page = "http://localhost:3000"
    before = web.ask("OPTIONS", body=b"", origin=page, access_control_request_method="POST", access_control_request_headers="authorization")  # fmt: skip
    assert (before.status, before.headers["access-control-allow-headers"]) == (200, "authorization")
    said = web.ask(origin=page)
    assert (said.status, said.headers["access-control-allow-origin"]) == (401, page)
    assert "www-authenticate" in said.headers["access-control-expose-headers"].lower()


class Kept:
    """Where a client keeps its tokens."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def agent_of(issuer: Issuer) -> ClientCredentialsOAuthProvider:
    """Register an agent with its own credentials, and return what signs it in."""
    issuer.clients["agent"] = ("agent-secret", {})
    return ClientCredentialsOAuthProvider(
        server_url=issuer.audience,
        storage=Kept(),
        client_id="agent",
        client_secret="agent-secret",
        issuer=issuer.address,
    )


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_steps_up_by_itself_where_it_comes_to_want_personal_data(
    web: Web, issuer: Issuer, mode: str
) -> None:
    async with (
        httpx2.AsyncClient(auth=agent_of(issuer)) as http,
        Client(streamable_http_client(issuer.audience, http_client=http), mode=mode) as client,
    ):
        before = await client.call_tool("who_calls", {})
        http.headers["Catena-Personal-Data"] = "show"
        after = await client.call_tool("who_calls", {})
    shown = [(result.structured_content or {})["personal"] for result in (before, after)]
    assert shown == [False, True]
    assert issuer.asked.count("/token") == 2


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_signs_in_with_its_own_credentials_through_the_client_of_the_sdk(
    web: Web, issuer: Issuer, mode: str
) -> None:
    async with (
        httpx2.AsyncClient(auth=agent_of(issuer)) as http,
        Client(streamable_http_client(issuer.audience, http_client=http), mode=mode) as client,
    ):
        summary = await client.call_tool("summarize_failures", {})
        who = await client.call_tool("who_calls", {})
    assert not summary.is_error
    assert (who.structured_content or {})["subject"] == "agent"
    assert issuer.asked.count("/token") == 1


@pytest.mark.anyio
async def test_doctor_tells_whether_the_issuer_and_each_tenant_can_be_reached(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = ['[[tenant]]\nname = "good"\nclaims = {a = "b"}\nclient_id_env = "THE_ID"\nclient_secret_env = "THE_SECRET"\n',
              '[[tenant]]\nname = "none"\nclaims = {a = "c"}\n']  # fmt: skip
    (tmp_path / "tenants.toml").write_text("".join(blocks))
    monkeypatch.setenv("THE_ID", "catena")
    monkeypatch.setenv("THE_SECRET", "wrong")
    given = {"auth_issuer": issuer.address, "auth_audience": AUDIENCE, "token_url": f"{issuer.address}/token"}
    settings = settings_of(**given, tenants_file=tmp_path / "tenants.toml")

    async def checked() -> dict[str, Check]:
        checks: list[Check] = []
        await check_setup(lambda: settings, checks.append)
        return {check.name: check for check in checks}

    found = await checked()
    assert found["issuer"] == Check("issuer", True, f"{issuer.address}, keys found: 1")
    assert (found["tenant none"].fine, "no Catena credentials" in found["tenant none"].told) == (False, True)
    assert (found["tenant good"].fine, "refused the credentials" in found["tenant good"].told) == (False, True)
    issuer.away = True
    assert (await checked())["issuer"].fine is False
