"""The machine it runs on: proxies, private CAs, block pages, odd addresses; each trouble is told with the next step."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.app import build_server
from server.catena.client import Retries
from server.catena.network import bypassed
from server.doctor import Check, check_setup, clock_check
from server.errors import BadSettings
from server.settings import load_settings
from tests import machines
from tests.conftest import asking, facts, refusal, settings_of
from tests.test_cli import free_port, run, started, wait_for

pytestmark = pytest.mark.anyio

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
HTML = b"<!doctype html><title>Blocked by Example Firewall</title>"


@pytest.fixture(autouse=True)
def own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the proxies and certificates of whoever runs the tests out of them."""
    for name in (*VARIABLES, *(name.upper() for name in VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


async def told(address: str, token_address: str = "") -> str:
    """Ask for a summary over the real network, and return what the tool says that went wrong; "" where nothing did."""
    settings = settings_of(base_url=address, token_url=(token_address or address) + "/token")
    async with asking(build_server(settings, retries=Retries(1, 0, 0))) as ask:
        result = await ask("summarize_failures")
        if result.is_error:
            return refusal(result)
        assert facts(result)["coverage"]["complete"]
        return ""


async def checked(address: str, **settings: object) -> dict[str, Check]:
    """Return what doctor tells, by name."""
    checks: list[Check] = []
    given = settings_of(base_url=address, token_url=address + "/token", **settings)
    await check_setup(lambda: given, checks.append)
    return {check.name: check for check in checks}


@pytest.mark.parametrize(
    ("entries", "host", "port", "direct"),
    [
        ("*", "api.example", 443, True),
        ("api.example", "api.example", 443, True),
        ("example", "api.example", 443, True),
        (".example", "api.example", 443, True),
        ("*.example", "api.example", 443, True),
        ("API.Example.", "api.example", 443, True),
        ("https://api.example/", "api.example", 443, True),
        ("other, api.example", "api.example", 443, True),
        ("other api.example", "api.example", 443, True),
        ("api.example:443", "api.example", 443, True),
        ("api.example:8443", "api.example", 443, False),
        ("example", "anexample", 443, False),
        ("", "api.example", 443, False),
        (",,", "api.example", 443, False),
        ("10.0.0.0/8", "10.2.3.4", 443, True),
        ("10.0.0.0/8", "11.2.3.4", 443, False),
        ("10.0.0.1/8", "10.2.3.4", 443, True),
        ("10.2.3.4:8080", "10.2.3.4", 8080, True),
        ("10.2.3.4:8080", "10.2.3.4", 443, False),
        ("::1", "::1", 443, True),
        ("[::1]", "::1", 443, True),
        ("[::1]:443", "::1", 443, True),
        ("[::1]:80", "::1", 443, False),
        ("::1/128", "::1", 443, True),
        ("fd00::/8", "fd12::1", 443, True),
        ("fd00::/8", "api.example", 443, False),
        ("::1/128,localhost", "localhost", 80, True),
    ],
)
def test_no_proxy_is_understood_in_every_form(entries: str, host: str, port: int, direct: bool) -> None:
    assert bypassed(host, port, entries) is direct


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_requests_take_the_way_through_a_proxy_except_to_hosts_of_no_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with machines.proxy() as (proxy, asked), machines.api() as api:
        monkeypatch.setenv(name, proxy)  # people leave the scheme out
        assert await told("http://api.invalid") == ""
        assert asked[0] == "http://api.invalid/token"
        del asked[:]
        monkeypatch.setenv("NO_PROXY", "::1/128,LOCALHOST")
        assert await told(api) == ""
        assert asked == []


async def test_a_proxy_leads_to_a_host_with_tls_and_a_private_ca(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ca, tls = machines.private_ca(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with machines.proxy("me:pass word") as (proxy, asked), machines.api(tls) as api:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass%20word@{proxy}")
        assert await told(api) == ""
        assert asked == [f"localhost:{api.rpartition(':')[2]}"] * len(asked)
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@{proxy}")
        refused = await told(api)
    assert f"the proxy {proxy} (HTTPS_PROXY) wants a user and password (407)" in refused
    assert "hunter2" not in refused


async def test_a_socks_proxy_is_used_and_without_its_package_one_sentence_tells_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with machines.socks() as (proxy, asked), machines.api() as api:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy}")
        assert await told(api) == ""
        assert "localhost" in asked
        monkeypatch.setattr("server.catena.network.find_spec", lambda name: None)
        assert "ALL_PROXY names a SOCKS proxy" in (said := await told(api))
        assert "catena-ops-mcp[socks]" in said


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HTTP_PROXY", "http://me:hunter2@proxy:99999", "HTTP_PROXY names a proxy that cannot be used"),
        ("HTTP_PROXY", "ftp://me:hunter2@proxy", "HTTP_PROXY names a proxy that cannot be used"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE names '/nowhere/ca.pem', which holds no certificates"),
        ("SSL_CERT_FILE", __file__, "which holds no certificates"),
        ("SSL_CERT_DIR", "/nowhere", "SSL_CERT_DIR names '/nowhere', which is no folder"),
    ],
)
async def test_what_cannot_work_is_one_sentence_that_names_the_variable_in_the_tool_error_and_in_doctor(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    assert says in (said := await told("http://api.invalid"))
    assert "hunter2" not in said
    checks = await checked("http://api.invalid")
    assert checks["network"].fine is False
    assert says in checks["network"].told
    assert "hunter2" not in str(checks)
    assert [checks[name].fine for name in ("settings", "token", "list", "store")] == [True, None, None, None]


async def test_a_certificate_that_is_not_trusted_is_told_with_the_setting_that_helps_and_helps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ca, tls = machines.private_ca(tmp_path)
    with machines.api(tls) as api:
        said = await told(api)
        assert "signed by a CA that is not trusted here" in said
        assert "SSL_CERT_FILE" in said
        token = (await checked(api))["token"]
        assert token.fine is False
        assert token.told in said
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        assert await told(api) == ""
        fine = run("doctor", CATENA_CLIENT_ID="x", CATENA_CLIENT_SECRET="y", CATENA_BASE_URL=api,
                   CATENA_TOKEN_URL=api + "/token")  # fmt: skip
    assert "ok   list" in fine.stdout
    assert "certificates of SSL_CERT_FILE" in fine.stdout
    assert fine.returncode == 0


@pytest.mark.parametrize(("name", "days", "says"), [("localhost", -1, "clock"), ("elsewhere", 30, "for another name")])
async def test_a_certificate_that_ended_or_is_anothers_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, days: int, says: str
) -> None:
    ca, tls = machines.private_ca(tmp_path, name, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    with machines.api(tls) as api:
        assert says in await told(api)


async def test_why_a_host_cannot_be_reached_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert "the connection is refused" in (said := await told(nobody))
    assert "CATENA_TOKEN_URL" in said
    assert "the name is not found (DNS)" in await told("http://api.invalid")
    _, tls = machines.private_ca(tmp_path)
    with machines.api() as api, machines.api(tls) as with_tls:
        assert "speaks no TLS" in await told(api.replace("http://", "https://"))
        assert "http against https" in await told(with_tls.replace("https://", "http://"))
        assert "CATENA_BASE_URL" in await told(nobody, api)
        monkeypatch.setenv("HTTP_PROXY", nobody)
        assert f"the way leads through the proxy {nobody[7:]} (HTTP_PROXY)" in await told(api)


@pytest.mark.parametrize(
    ("method", "status", "says"),
    [
        ("GET", 403, "resource_operation:read"),
        ("GET", 401, "refused the token"),
        ("GET", 407, "A proxy in between wants a user and password"),
        ("GET", 511, "wants you to sign in"),
        ("POST", 403, "refused the credentials"),
        ("POST", 407, "A proxy in between wants a user and password"),
    ],
)
async def test_a_block_page_is_told_as_such(method: str, status: int, says: str) -> None:
    with machines.api(None, **{method: (status, "text/html; charset=utf-8", HTML)}) as api:
        said = await told(api)
    assert says in said
    assert "Example Firewall" not in said
    if status in (401, 403):
        assert "an HTML page, so it may come from a proxy, gateway or firewall in between" in said


@pytest.mark.parametrize("status", [401, 403])
async def test_an_answer_of_the_api_itself_is_not_taken_for_a_block_page(status: int) -> None:
    with machines.api(GET=(status, "application/json", b'{"message": "no"}')) as api:
        assert "in between" not in await told(api)


@pytest.mark.parametrize("secret", ['"s3cret"', "'s3cret'", "s3c\tret"])
async def test_credentials_that_were_refused_and_look_odd_are_named(secret: str) -> None:
    with machines.api(POST=(401, "application/json", b"{}")) as api:
        settings = settings_of(base_url=api, token_url=api, client_secret=secret)
        async with asking(build_server(settings)) as ask:
            said = refusal(await ask("summarize_failures"))
    assert "CATENA_CLIENT_SECRET begins and ends with" in said or "CATENA_CLIENT_SECRET holds a blank" in said
    assert "s3c" not in said


ADDRESSES = [
    "http://127.0.0.1:99999",
    "http://127.0.0.1:0",
    "http://user:hunter2@api.example",
    "http://hunter2@api.example",
    "https://api.example?key=hunter2",
    "https://api.example#hunter2",
    "https://api example/hunter2",
    "https://api.example/\nhunter2",
    "https://[::1/hunter2",
    "https://[hunter2]",
    f"https://{'hunter2' * 10}.example",
    "https://api..hunter2",
    "ftp://hunter2",
    "hunter2",
]


@pytest.mark.parametrize("name", ["base_url", "token_url"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_no_request_can_use_is_refused_at_the_start_and_not_repeated(name: str, address: str) -> None:
    with pytest.raises(BadSettings, match=f"CATENA_{name.upper()}: ") as caught:
        load_settings(**{name: address})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments", [[], ["doctor"], ["call", "summarize_failures"], ["serve", "--transport", "http"]]
)
def test_every_command_ends_with_2_or_a_failed_line_at_such_an_address(arguments: list[str]) -> None:
    ran = run(*arguments, CATENA_BASE_URL="http://u:hunter2@host", CATENA_CLIENT_ID="x", CATENA_CLIENT_SECRET="y")
    assert ran.returncode == (1 if arguments == ["doctor"] else 2)
    assert "CATENA_BASE_URL: holds a user or password" in ran.stdout + ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("address", [" https://api.example/ ", "https://api.example\n", "https://API.example/v2/"])
def test_an_address_is_taken_as_people_paste_it(address: str) -> None:
    assert load_settings(base_url=address).base_url.lower().startswith("https://api.example")


@pytest.mark.parametrize(
    "options", ["nonsense=hunter2", "db=hunter2", "socket_timeout=hunter2", "ssl_cert_reqs=none", "protocol=9"]
)
def test_a_store_address_with_options_its_client_does_not_take_is_refused_at_the_start(options: str) -> None:
    with pytest.raises(BadSettings, match="CATENA_STORE_URL") as caught:
        build_server(settings_of(store_url=f"redis://127.0.0.1:6379/0?{options}"))
    assert "hunter2" not in str(caught.value)


def test_doctor_prints_json_for_programs() -> None:
    ran = run("doctor", "--json", "--demo")
    report = json.loads(ran.stdout)
    assert report["fine"] is True
    assert {check["name"]: check["fine"] for check in report["checks"]}["list"] is True


@pytest.mark.parametrize(
    ("date", "fine"),
    [
        ("Fri, 31 Dec 9999 23:59:59 -1200", True),
        ("no date", True),
        ("Mon, 23 Nov 2020 15:30:00 GMT", False),
    ],
)
def test_a_date_that_no_calendar_holds_ends_no_check(date: str, fine: bool) -> None:
    assert clock_check(date).fine is fine


Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return written


def entry(**more: object) -> dict[str, object]:
    return {
        "command": sys.executable,
        "args": ["-m", "server", "--demo"],
        "cwd": str(Path(__file__).parent.parent),
    } | more


def test_doctor_checks_what_a_clients_configuration_starts(write: Write) -> None:
    servers = {"catena-ops": entry(env={"CATENA_STORE_URL": "redis://127.0.0.1:9/0"}), "another": {"command": "none"}}
    ran = run("doctor", "--config", write("mcp.json", json.dumps({"mcpServers": servers})))
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("ok   config")
    assert "catena-ops: command" in lines[1]
    assert "answers as an MCP server" in lines[2]
    assert any(line.startswith("FAIL catena-ops: store") for line in lines), ran.stdout
    assert ran.returncode == 1


def test_doctor_asks_a_server_that_a_client_reaches_by_its_address(write: Write) -> None:
    port = free_port()
    servers = {
        "catena-ops": {"url": f"http://127.0.0.1:{port}/mcp"},
        "catena-ops-2": {"httpUrl": f"http://127.0.0.1:{free_port()}/mcp"},
    }
    with started("serve", "--transport", "http", "--port", str(port), "--demo"):
        wait_for(port)
        ran = run("doctor", "--config", write("mcp.json", json.dumps({"mcpServers": servers})))
    assert "ok   catena-ops: start answers as an MCP server" in ran.stdout, ran.stdout
    assert "FAIL catena-ops-2: start it does not answer as an MCP server" in ran.stdout
    assert "Traceback" not in ran.stderr


def test_doctor_takes_the_environment_of_the_configuration_and_not_its_own(write: Write) -> None:
    bare = entry(args=["-m", "server"])
    ran = run("doctor", "--config", write("mcp.json", json.dumps({"mcpServers": {"catena-ops-mcp": bare}})),
              CATENA_CLIENT_ID="of the shell", CATENA_CLIENT_SECRET="of the shell")  # fmt: skip
    assert "FAIL catena-ops-mcp: settings No Catena credentials" in ran.stdout


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("mcp.json", '{"mcpServers": {,}}', "cannot be read (line 1"),
        ("none.toml", "[mcp_servers", "cannot be read"),
        ("mcp.json", '{"mcpServers": {"other": {"command": "npx"}}}', "no entry that runs catena-ops-mcp"),
        (
            "mcp.json",
            '{"mcpServers": {"catena-ops": {"command": "x", "env": {"CATENA_DEMO": true}}}}',
            "Expected `str`, got `bool`",
        ),
        ("mcp.json", "[]", "no entry that runs catena-ops-mcp"),
        ("config.toml", '[mcp_servers.catena-ops]\ncommand = "catena-ops-mcp-of-nowhere"\n', "write its absolute path"),
        ("mcp.json", '// comment\n{"servers": {"x": {"command": "catena-ops-mcp-none"}}}', "write its absolute path"),
        ("opencode.json", '{"mcp": {"x": {"command": ["catena-ops-mcp-none", "serve"]}}}', "write its absolute path"),
    ],
)
def test_doctor_tells_what_is_wrong_with_a_configuration(write: Write, name: str, text: str, says: str) -> None:
    ran = run("doctor", "--config", write(name, text))
    assert ran.returncode == 1
    assert says in ran.stdout


def test_doctor_names_what_a_client_fills_in_and_does_not_take_it_for_a_value(write: Write) -> None:
    asked = entry(
        args=["-m", "server"], env={"CATENA_CLIENT_ID": "x", "CATENA_CLIENT_SECRET": "${input:catena-secret}"}
    )
    ran = run("doctor", "--config", write("mcp.json", json.dumps({"servers": {"catena-ops": asked}})))
    assert "skip catena-ops: settings not tried: the client fills CATENA_CLIENT_SECRET in" in ran.stdout
    assert ran.returncode == 0


async def test_a_listener_that_says_nothing_ends_in_the_time_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "did not answer in time" in (await checked(address, request_timeout_s=0.05))["token"].told
