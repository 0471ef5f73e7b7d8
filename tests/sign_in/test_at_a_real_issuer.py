"""A person in a browser and an agent on its own sign in at a certified OpenID provider, and each sees what is theirs."""

import http.server
import json
import subprocess
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from tests.browser.test_in_a_browser import missing, node_version
from tests.serving.test_sign_in import Kept
from tests.test_cli import environment, free_port, started, wait_for

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
LACKS = [] if node_version() >= 20 else ["node >= 20"]
LACKS += [] if (HERE / "node_modules").is_dir() else ["`npm ci --prefix tests/sign_in`"]
needs_an_issuer = pytest.mark.skipif(bool(LACKS), reason=f"no sign-in at a real issuer: no {LACKS}")
needs_a_browser = pytest.mark.skipif("chromium" in missing(), reason="no sign-in of a person: no chromium")

SECRET = "the-agents-own"
TENANTS = {"dana": "acme", "agent": "beta", "lee": "gamma"}
FILE = """
[[tenant]]
name = "Acme"
claims = { tenant = "acme" }
fleets = ["keystone-parcel"]

[[tenant]]
name = "Beta"
claims = { tenant = "beta" }
fleets = ["northwind-haulage", "red-barn-dairy"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the issuer and the server as they are run; return the server's address."""
    tenants = tmp_path_factory.mktemp("tenants") / "tenants.toml"
    tenants.write_text(FILE)
    issuer_port, port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}/mcp"
    settings = {
        "CATENA_AUTH_ISSUER": f"http://127.0.0.1:{issuer_port}",
        "CATENA_AUTH_AUDIENCE": address,
        "CATENA_TENANTS_FILE": str(tenants),
    }
    told = {"PORT": str(issuer_port), "RESOURCE": address, "SECRET": SECRET, "TENANTS": json.dumps(TENANTS)}
    issuer = subprocess.Popen(
        ["node", str(HERE / "issuer.mjs")],
        env=environment(**told),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(issuer_port)
        with started("serve", "--transport", "http", "--demo", "--port", str(port), **settings):
            wait_for(port)
            yield address
    finally:
        issuer.kill()
        issuer.wait()


@contextmanager
def callback() -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Listen where a client on a desktop does, for what the issuer sends back through the browser."""
    got: dict[str, list[str]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.update(parse_qs(urlsplit(self.path).query))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"Signed in. You can close this page.")

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/callback", got
        finally:
            listening.shutdown()
            thread.join()


def sign_in(name: str, address: str, back: str) -> str:
    """Sign a person in with Chromium; return what they agreed to."""
    ran = subprocess.run(
        ["node", str(HERE / "person.mjs"), address, name, back],
        env=environment(), check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@asynccontextmanager
async def person(server: str, name: str, mode: str, agreed: list[str]) -> AsyncGenerator[Client]:
    """A client of the SDK that opens the browser when it is refused."""
    with callback() as (back, got):

        async def open_browser(address: str) -> None:
            agreed.append(await anyio.to_thread.run_sync(sign_in, name, address, back))

        async def returned() -> AuthorizationCodeResult:
            told = {key: values[0] for key, values in got.items()}
            return AuthorizationCodeResult(code=told["code"], state=told.get("state"), iss=told.get("iss"))

        about = OAuthClientMetadata(
            client_name="a client of the SDK",
            redirect_uris=[back],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
            application_type="native",
        )
        auth = OAuthClientProvider(server, about, Kept(), redirect_handler=open_browser, callback_handler=returned)
        async with (
            httpx2.AsyncClient(auth=auth, timeout=60) as web,
            Client(streamable_http_client(server, http_client=web), mode=mode) as client,
        ):
            yield client


async def fleets_seen(client: Client) -> set[str]:
    """Return the fleets of which a caller is told."""
    told = await client.call_tool("break_down_failures", {"by": ["fleet_ref"], "most": 100})
    assert not told.is_error
    return {row["key"]["fleet_ref"] for row in (told.structured_content or {})["rows"]}


@needs_an_issuer
@needs_a_browser
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_person_signs_in_in_a_browser_and_sees_what_is_theirs(server: str, mode: str) -> None:
    agreed: list[str] = []
    async with person(server, "dana", mode, agreed) as client:
        assert await fleets_seen(client) == {"keystone-parcel"}
    assert len(agreed) == 1
    assert "ops:read" in agreed[0]
    assert "ops:pii" not in agreed[0], "nobody is asked for more than is needed"


@needs_an_issuer
@needs_a_browser
async def test_a_person_whom_the_server_knows_no_tenant_of_is_refused(server: str) -> None:
    with pytest.raises(BaseExceptionGroup) as refused:
        async with person(server, "lee", "auto", []) as client:
            await fleets_seen(client)
    assert "belongs to no tenant of this server" in repr(refused.value)


@needs_an_issuer
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_signs_in_by_itself_and_steps_up_where_it_wants_personal_data(server: str, mode: str) -> None:
    auth = ClientCredentialsOAuthProvider(
        server, Kept(), client_id="agent", client_secret=SECRET, scope="ops:read", issuer=await issuer_of(server)
    )

    async def payload(client: Client) -> str:
        told = await client.call_tool("list_resource_operations", {"resource": "user", "size": 1, "detail": "full"})
        return json.dumps((told.structured_content or {})["operations"][0]["payload"])

    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as web,
        Client(streamable_http_client(server, http_client=web), mode=mode) as client,
    ):
        assert await fleets_seen(client) <= {"northwind-haulage", "red-barn-dairy"}
        assert "<text>" in await payload(client)
        web.headers["Catena-Personal-Data"] = "show"
        assert "<text>" not in await payload(client)


async def issuer_of(server: str) -> str:
    """Return the issuer that a server names."""
    place = server.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    async with httpx2.AsyncClient() as web:
        told: dict[str, list[str]] = (await web.get(place)).json()
    return told["authorization_servers"][0].rstrip("/")
