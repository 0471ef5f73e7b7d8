"""The compose file for trying it: its parts fit each other, and the commands and settings that this server has."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from server.commands import app
from server.settings import Settings

FOLDER = Path(__file__).parents[1] / "packaging" / "compose"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
SERVERS = {name: service for name, service in SERVICES.items() if service.get("image") == "catena-ops-mcp"}


def option(service: dict[str, Any], name: str) -> str:
    words = service["command"]
    return str(words[words.index(name) + 1])


def test_what_a_service_needs_is_there() -> None:
    assert {"redis", "issuer", "balancer"} < SERVICES.keys()
    assert len(SERVERS) == 2
    for service in SERVICES.values():
        needed = set(service.get("depends_on", ()))
        if "network_mode" in service:
            needed.add(service["network_mode"].removeprefix("service:"))
        assert needed <= SERVICES.keys()
        for volume in service.get("volumes", ()):
            assert (FOLDER / volume.partition(":")[0]).exists(), volume
        if "build" in service:
            context = FOLDER / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).exists()


def test_the_servers_are_started_with_options_and_settings_that_exist() -> None:
    told = CliRunner().invoke(app, ["serve", "--help"], obj=False, terminal_width=200).output
    known = {f"CATENA_{field.upper()}" for field in Settings.model_fields}
    for service in SERVERS.values():
        assert {word for word in service["command"] if word.startswith("--")} <= set(re.findall(r"--[\w-]+", told))
        names = set(service["environment"])
        assert {name for name in names - known if not name.startswith("CATENA_AUTH_")} == set()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_has_the_time_to_end_and_its_own_port_that_balancer_and_check_ask(name: str) -> None:
    service, port = SERVERS[name], option(SERVERS[name], "--port")
    assert f"127.0.0.1:{port}" in (FOLDER / "Caddyfile").read_text()
    assert f":{port}/healthz" in service["healthcheck"]["test"][-1]
    assert float(option(service, "--drain")) + 8 < float(service["stop_grace_period"].removesuffix("s"))


def test_balancer_issuer_and_servers_mean_the_same_addresses() -> None:
    issuer = SERVICES["issuer"]["environment"]
    published = {port.rpartition(":")[2] for port in SERVICES["issuer"]["ports"]}
    for service in SERVERS.values():
        assert service["environment"]["CATENA_AUTH_ISSUER"] == issuer["ADDRESS"]
        assert service["environment"]["CATENA_AUTH_AUDIENCE"] == issuer["AUDIENCE"]
    asked = re.findall(r"http://localhost:(\d+)", f"{issuer} {(FOLDER / 'Caddyfile').read_text()}")
    assert set(asked) == published
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["issuer"]["ports"]), "this machine alone"
