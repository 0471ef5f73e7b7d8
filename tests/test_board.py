"""The commands `board` and `report` as a person runs them; what they show is looked at in tests/browser."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.test_cli import run, started


def test_board_prints_an_address_on_loopback_that_works_once() -> None:
    with started("board", "--demo", "--no-open") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S{20,}", line)
        assert address, line
        with httpx.Client() as browser:
            assert browser.get(address[0], follow_redirects=True).status_code == 200
        with httpx.Client() as other:
            assert other.get(address[0]).status_code == 403


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("board", "--demo", "--no-open", "--port", str(port))
    assert ran.returncode == 2
    assert f"port {port}" in ran.stderr
    assert "--port" in ran.stderr


@pytest.mark.parametrize("command", [["board", "--no-open"], ["report", "--html", "never-written.html"]])
def test_without_credentials_nothing_is_opened_or_written(command: list[str]) -> None:
    ran = run(*command)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "CATENA_CLIENT_ID" in ran.stderr
    assert not Path("never-written.html").exists()


def held(file: Path) -> list[dict[str, Any]]:
    found = re.search(r'id="snapshot">(.*?)</script>', file.read_text(), re.S)
    assert found
    answers: list[dict[str, Any]] = [entry["result"] for entry in json.loads(found[1])]
    return answers


def test_a_report_holds_what_the_tools_answer_for_its_window_and_filters(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    asked = '{"source_name": "motive", "max_operations": 5000}'
    ran = run("report", "--demo", "--html", str(file), asked, CATENA_BOARD="false")
    assert ran.returncode == 0, ran.stderr
    assert str(file) in ran.stdout
    summary, comparison = (answer["structuredContent"] for answer in held(file))
    assert held(file)[0]["_meta"]["catena-ops/timelines"], "who asks for the board gets it whole"
    assert summary["filters"] == comparison["filters"] == {"source_name": "motive"}
    assert summary["totals"]["failed"] == comparison["totals"]["window"]["failed"]


def test_a_report_masks_as_the_tools_do(tmp_path: Path) -> None:
    files = {shown: tmp_path / f"{shown}.html" for shown in ("false", "true")}
    for shown, file in files.items():
        window = '{"from_datetime": "-10d"}'
        ran = run("report", "--demo", "--html", str(file), window, CATENA_SHOW_PERSONAL_DATA=shown)
        assert ran.returncode == 0, ran.stderr
        assert ("masked" in ran.stdout) is (shown == "false")
    addresses = r"[\w.]+@fleet"
    assert re.findall(addresses, json.dumps(held(files["true"])))
    assert not re.findall(addresses, json.dumps(held(files["false"])))


def test_a_report_of_a_question_that_is_refused_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    ran = run("report", "--demo", "--html", str(file), '{"source_name": "samsarra"}')
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "samsara" in ran.stderr
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    ran = run("report", "--demo", "--html", str(tmp_path / "nowhere" / "report.html"))
    assert ran.returncode == 2
    assert "nowhere" in ran.stderr
