"""The command as a person or a host runs it: real processes, exit codes, and a stdout that is clean."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from server import __version__
from tests import machines

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "server"]


def environment(**extra: str) -> dict[str, str]:
    """Return the environment without settings of ours and without proxies, plus `extra`."""
    return {
        k: v for k, v in os.environ.items() if not k.startswith("CATENA_") and not k.upper().endswith("_PROXY")
    } | extra


def run(*arguments: str, stdin: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        cwd=ROOT,
        env=environment(**extra),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
    )


@contextmanager
def started(*arguments: str, **extra: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, env=environment(**extra), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


PORTS = count(10_000 + os.getpid() % 200 * 100)
"""Below those that the system gives away, and others in each process of the tests: none is given twice."""


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: ports are counted without end")


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "summarize_failures", "arguments": {}}}


def lines(*messages: dict[str, Any]) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


def test_version_and_help_answer_at_once() -> None:
    assert run("--version").stdout.strip() == f"catena-ops-mcp {__version__}"
    told = run("--help").stdout
    for word in ("serve", "call", "doctor", "demo-api", "--demo", "CATENA_"):
        assert word in told


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--transport", "http"], ["serve", "--transport", "streamable-http"], ["call", "summarize_failures"]],
)
def test_without_credentials_the_settings_are_named_and_the_exit_is_2(arguments: list[str]) -> None:
    ran = run(*arguments)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "CATENA_CLIENT_ID" in ran.stderr
    assert "CATENA_CLIENT_SECRET" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_setting_that_cannot_be_used_is_named_and_its_value_kept_back() -> None:
    ran = run("--demo", CATENA_MAX_CONCURRENCY="lots-of-secrets")
    assert ran.returncode == 2
    assert "CATENA_MAX_CONCURRENCY" in ran.stderr
    assert "lots-of-secrets" not in ran.stderr


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "CATENA_CLIENT_SECRET (or CATENA_CLIENT_SECRET_FILE"),
        ({"CATENA_CLIENT_ID": "me", "CATENA_CLIENT_SECRET_FILE": "/nowhere/secret"}, "/nowhere/secret"),
        ({"CATENA_CLIENT_ID": "me", "CATENA_CLIENT_SECRET": "${input:secret}"}, "is a placeholder"),
    ],
)
def test_without_credentials_a_client_connects_and_each_call_answers_with_what_to_set(
    settings: dict[str, str], says: str
) -> None:
    with started(**settings) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(lines(INITIALIZE, INITIALIZED, CALL))
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(10) == 0
        assert says in process.stderr.read()
    assert answers[1]["result"]["isError"]
    assert says in answers[1]["result"]["content"][0]["text"]


def test_a_secret_file_that_is_missing_is_named() -> None:
    ran = run("call", "summarize_failures", CATENA_CLIENT_ID="me", CATENA_CLIENT_SECRET_FILE="/nowhere/secret")
    assert ran.returncode == 2
    assert "/nowhere/secret" in ran.stderr


def test_a_file_gives_the_settings_of_any_command_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "ops.env"
    file.write_bytes(
        "\ufeff# what this server uses\r\nexport CATENA_DEMO=true\r\nCATENA_FRESH_S='7'\r\n"
        "CATENA_CLIENT_SECRET=a${b}c # kept whole\r\nOTHER=x\r\n".encode()
    )
    show = "import os; from server import cli; cli.serve_stdio = lambda _: print(os.environ['CATENA_CLIENT_SECRET'], os.environ['CATENA_FRESH_S'], os.environ['OTHER'], os.environ['CATENA_BASE_URL']); cli.main()"
    given = {"CATENA_FRESH_S": "8", "CATENA_CLIENT_SECRET": "", "CATENA_BASE_URL": "https://here.example"}
    for words in (["--settings", str(file)], [f"--settings={file}"], ["serve", "--settings", str(file)]):
        said = subprocess.run(
            [sys.executable, "-c", show, *words],
            cwd=ROOT, env=environment(**given), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert said.stdout == "a${b}c 8 x https://here.example\n"
    said = run("call", "list_resource_operations", "--settings", str(file), '{"size": 1}')
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("CATENA_CLIENT_SECRT=hunter2", "'CATENA_CLIENT_SECRT' is no setting. Did you mean 'CATENA_CLIENT_SECRET'"),
        ("CATENA_DEMO=true\nCATENA_CLIENT_ID hunter2", "line 2 is not NAME=value"),
        ("CATENA_CLIENT_SECRET='hunter2", "line 1 is not NAME=value"),
        (None, "cannot be read (FileNotFoundError)"),
    ],
)
def test_a_file_of_settings_that_cannot_be_used_is_told_without_what_it_holds(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    file = tmp_path / "ops.env"
    if text is not None:
        file.write_text(text)
    for words in ([], ["doctor"]):
        said = run("--settings", str(file), *words)
        assert said.returncode == 2
        assert complaint in said.stderr
        assert "hunter2" not in said.stderr
    assert run("doctor", "--settings").returncode == 2


def test_a_client_that_closes_its_end_leaves_no_traceback() -> None:
    with started("--demo") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(lines(INITIALIZE, INITIALIZED))
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(lines(CALL))
        process.stdin.close()
        assert process.wait(10) == 0
        assert "Traceback" not in process.stderr.read()


def test_a_person_at_a_terminal_is_told_what_it_waits_for() -> None:
    pty = pytest.importorskip("pty")
    theirs, ours = pty.openpty()
    with os.fdopen(theirs, "rb+", 0), os.fdopen(ours, "rb+", 0) as terminal:
        process = subprocess.Popen([*COMMAND, "--demo"], cwd=ROOT, env=environment(), stdin=terminal,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
        with process:
            assert process.stderr is not None
            told = "".join(process.stderr.readline() for _ in range(3))
            process.send_signal(signal.SIGINT)
    assert "waits for a client" in told
    assert "doctor" in told
    assert process.returncode == 130


ALONE = ["unshare", "--pid", "--fork", "--kill-child"]
"""Runs a command as the first process of its world, as a container does."""


def test_as_the_first_process_of_a_container_it_ends_on_sigterm() -> None:
    if not shutil.which(ALONE[0]) or subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets no process have a world of its own")
    with subprocess.Popen([*ALONE, *COMMAND, "--demo"], cwd=ROOT, env=environment(), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as outer:  # fmt: skip
        assert outer.stdin is not None
        assert outer.stdout is not None
        outer.stdin.write(lines(INITIALIZE))
        outer.stdin.flush()
        outer.stdout.readline()
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        try:
            assert outer.wait(5) == 143
        finally:
            outer.kill()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_console_that_lacks_letters_gets_an_answer_all_the_same(encoding: str) -> None:
    settings = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    with machines.api(
        None, GET=(200, "application/json", json.dumps({"items": [CHINESE], "next_page": None}).encode())
    ) as api:
        settings |= {
            "CATENA_BASE_URL": api,
            "CATENA_TOKEN_URL": api,
            "CATENA_CLIENT_ID": "x",
            "CATENA_CLIENT_SECRET": "y",
        }
        text = subprocess.run([*COMMAND, "call", "list_resource_operations"], cwd=ROOT, env=environment(**settings),
                              capture_output=True, check=False)  # fmt: skip
        structured = subprocess.run([*COMMAND, "call", "list_resource_operations", "--json"], cwd=ROOT,
                                    env=environment(**settings), capture_output=True, check=False)  # fmt: skip
    assert text.returncode == 0, text.stderr
    assert json.loads(structured.stdout)["operations"][0]["error"]["message"] == "车辆不存在 😀"


CHINESE = {
    "id": "019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90",
    "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 600)),
    "connection_id": "019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b91",
    "source_name": "samsara",
    "resource": "vehicle",
    "operation_type": "update",
    "status": "failed",
    "logs": [{"status": "failed", "error_type": "tsp", "error_details": "车辆不存在 😀", "response_status_code": 400}],
}


def test_call_prints_text_and_with_json_the_structured_result() -> None:
    text = run("call", "summarize_failures", "--demo")
    assert text.returncode == 0
    assert " operations failed" in text.stdout
    structured = json.loads(run("call", "list_resource_operations", '{"size": 3}', "--json", "--demo").stdout)
    assert structured["returned"] == 3


def test_a_tool_error_goes_to_stderr_with_exit_1() -> None:
    ran = run("call", "summarize_failures", '{"resource": "driver"}', "--demo")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Pass resource='user'" in ran.stderr
    assert run("call", "summarise", "--demo").returncode == 1


@pytest.mark.parametrize("arguments", ["{size: 3}", "[1]"])
def test_arguments_that_are_no_json_object_say_how_to_write_them(arguments: str) -> None:
    ran = run("call", "summarize_failures", arguments, "--demo")
    assert ran.returncode == 2
    assert '{"size": 10}' in ran.stderr


def test_doctor_checks_each_part_and_tells_what_is_wrong() -> None:
    fine = run("doctor", "--demo")
    assert fine.returncode == 0
    assert [line.split()[1] for line in fine.stdout.splitlines()] == [
        "settings",
        "token",
        "scope",
        "list",
        "store",
        "clock",
    ]
    away = run("doctor", "--demo", CATENA_STORE_URL="redis://:hunter2@127.0.0.1:9/0")
    assert away.returncode == 1
    assert "FAIL store     redis://127.0.0.1:9/0 cannot be used: the connection is refused" in away.stdout
    assert away.stdout.splitlines()[-1].split()[1] == "clock"
    assert "hunter2" not in away.stdout + away.stderr
    wrong = run("doctor", CATENA_CLIENT_ID="x", CATENA_CLIENT_SECRET="y", CATENA_BASE_URL="http://127.0.0.1:9",
                CATENA_TOKEN_URL="http://127.0.0.1:9/token")  # fmt: skip
    assert wrong.returncode == 1
    assert "FAIL" in wrong.stdout
    assert "cannot be reached" in wrong.stdout


def test_stdout_carries_only_the_protocol_and_a_closed_stdin_ends_it() -> None:
    with started("--demo") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines(INITIALIZE, INITIALIZED, CALL))
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [answer["id"] for answer in answers] == [1, 2]
        assert not answers[1]["result"]["isError"]
        process.stdin.close()
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("messages", [(INITIALIZE,), (INITIALIZE, INITIALIZED, CALL)], ids=["idle", "after a call"])
def test_a_signal_ends_it_at_once_without_a_traceback(
    how: signal.Signals, messages: tuple[dict[str, Any], ...]
) -> None:
    with started("--demo") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines(*messages))
        process.stdin.flush()
        for message in messages:
            if "id" in message:
                process.stdout.readline()
        sent_at = time.monotonic()
        process.send_signal(how)
        process.wait(5)
        assert time.monotonic() - sent_at < 3
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("arguments", [["serve", "--transport", "http", "--demo"], ["demo-api"]])
def test_a_port_that_is_taken_or_none_ends_with_a_sentence_and_exit_2(arguments: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run(*arguments, "--port", str(taken.getsockname()[1]))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Choose another --port" in ran.stderr
    assert run(*arguments, "--port", "99999").returncode == 2


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_which_would_be_every_address_is_refused(host: str) -> None:
    ran = run("serve", "--transport", "http", "--demo", "--host", host)
    assert ran.returncode == 2
    assert "--host is empty" in ran.stderr


SIGN_IN = {"CATENA_AUTH_ISSUER": "https://id.example/", "CATENA_AUTH_AUDIENCE": "https://ops.example.com/mcp"}


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0", "--allowed-host", "ops.example.com"], ["--host", "::"]])
def test_a_server_that_other_machines_reach_does_not_start_before_it_is_said_who_may_ask(arguments: list[str]) -> None:
    ran = run("serve", "--transport", "http", "--demo", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    for way_out in ("CATENA_AUTH_ISSUER and CATENA_AUTH_AUDIENCE", "--behind NAME", "--no-sign-in", "leave out --host"):
        assert way_out in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "said", "warned"),
    [
        (["--host", "0.0.0.0", "--no-sign-in"], {}, "NO SIGN-IN", True),
        (["--host", "0.0.0.0", "--behind", "our-gateway"], {}, "behind our-gateway", True),
        (["--host", "0.0.0.0", "--no-sign-in", "--allowed-host", "ops.example.com"], {}, "NO SIGN-IN", False),
        (["--host", "0.0.0.0"], SIGN_IN, "sign-in by https://id.example/", False),
        (["--host", "127.0.0.2"], {}, "for this machine alone", False),
        (["--host", "127.0.0.2"], SIGN_IN, "sign-in by https://id.example/", False),
    ],
)
def test_a_server_says_as_it_starts_who_may_ask(
    arguments: list[str], settings: dict[str, str], said: str, warned: bool
) -> None:
    port = free_port()
    with started("serve", "--transport", "http", "--demo", "--port", str(port), *arguments, **settings) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        wait_for(port, arguments[1].replace("0.0.0.0", "127.0.0.1"))
        process.terminate()
        told += process.stderr.read()
    assert said in told
    assert ("WARNING: other machines reach this server" in told) is warned
    assert ("--allowed-host" in told) is warned


def test_a_sign_in_and_its_absence_cannot_both_be_asked_for() -> None:
    for word in (["--no-sign-in"], ["--behind", "gateway"]):
        ran = run("serve", "--transport", "http", "--demo", *word, **SIGN_IN)
        assert ran.returncode == 2
        assert "callers sign in" in ran.stderr


def test_a_separate_demo_api_gives_the_answers_of_the_built_in_one() -> None:
    port = free_port()
    with started("demo-api", "--port", str(port)) as api:
        assert api.stdout is not None
        printed = [api.stdout.readline() for _ in range(6)]
        settings = dict(line.strip().split("=", 1) for line in printed[1:])
        assert len(settings) == 5
        wait_for(port)
        # A window that has ended: what is still to come differs between two clocks, and so does what became of records.
        hour = time.gmtime().tm_hour
        window = json.dumps({"from_datetime": time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() - 86_400)),
                             "to_datetime": time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() - 7200))})  # fmt: skip
        apart = json.loads(run("call", "summarize_failures", window, "--json", **settings).stdout)
        built_in = json.loads(run("call", "summarize_failures", window, "--json", "--demo").stdout)
    for told in (apart, built_in):
        told.pop("as_of"), told["totals"].pop("records"), told["coverage"].pop("note")
        for group in told["groups"]:
            group.pop("outcome")
    if time.gmtime().tm_hour == hour:  # the world is told anew each hour
        assert apart == built_in
    assert apart["totals"]["operations"] > 1000


def wait_for(port: int, host: str = "127.0.0.1") -> None:
    """Wait until something listens; ends by itself after half a minute."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex((host, port)) == 0:
                return
    raise AssertionError(f"nothing listens on {port}")
