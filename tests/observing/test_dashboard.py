"""The dashboard and the alerts of docs/ ask for what is really sent: each metric, label and kind of error they name."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client, MCPError
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from server import errors
from server.demo.faults import Faults
from server.tools._boundary import UNFORESEEN_KIND
from tests.conftest import Serve
from tests.observing.conftest import Collector

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs"
PANELS = json.loads((DOCS / "grafana-dashboard.json").read_text())["panels"]
RULES = yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"][0]["rules"]
ASKED = [target["expr"] for panel in PANELS for target in panel["targets"]] + [rule["expr"] for rule in RULES]
ADDED = {"job", "instance", "le"}
"""Labels that the way into Prometheus adds: service.name, service.instance.id, and the bounds of histograms."""


def prometheus_names(metric: Metric) -> set[str]:
    """Return under which names Prometheus keeps what came by OTLP."""
    name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
    kind = metric.WhichOneof("data")
    if kind == "histogram":
        return {f"{name}_{part}" for part in ("bucket", "count", "sum")}
    return {f"{name}_total" if kind == "sum" else name}


async def test_the_dashboard_and_the_alerts_name_metrics_and_labels_that_are_sent(
    serve: Serve, collector: Collector
) -> None:
    async with Client(serve(Faults(errors=0.2))) as client:
        await client.call_tool("summarize_failures", {})
        await client.call_tool("summarize_failures", {"source_name": "samsra"})
        with pytest.raises(MCPError):
            await client.call_tool("none", {})
    names = {name for metric in collector.metrics.values() for name in prometheus_names(metric)}
    labels = {
        key.replace(".", "_") for name in collector.metrics for about, _ in collector.points(name) for key in about
    }
    for asked in ASKED:
        metrics = set(re.findall(r"([a-z_]+)(?=\{|\[)", asked))
        assert metrics
        assert metrics <= names, asked
        used = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", asked)
        used += [label for group in re.findall(r"(?:by|ignoring) \(([^)]*)\)", asked) for label in group.split(", ")]
        assert set(used) <= labels | ADDED, asked


def test_the_kinds_of_errors_that_the_alerts_name_exist() -> None:
    named = {
        kind
        for asked in ASKED
        for words in re.findall(r'catena_fault[=!]~?"([^"]+)"', asked)
        for kind in words.split("|")
    }
    assert named - {UNFORESEEN_KIND, "ValidationError"} <= vars(errors).keys()
    assert UNFORESEEN_KIND in named


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool of Prometheus is not here")
def test_prometheus_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [
        target["expr"].replace("$__rate_interval", "5m").replace("$job", ".+")
        for panel in PANELS
        for target in panel["targets"]
    ]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(asked)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    ran = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )
    assert f"{len(asked)} rules found" in ran.stdout, ran.stdout + ran.stderr


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    told = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f'{name}{{job="catena-ops-mcp", {told}}}', "values": values}


CALLS = "mcp_server_operation_duration_seconds_count"
ANSWERS = "http_client_request_duration_seconds_count"
TOOL = {"mcp_method_name": "tools/call"}
WELL = series(CALLS, "0+30x60", **TOOL, gen_ai_tool_name="trace_record")
FIRES: list[tuple[str, list[dict[str, str]]]] = [
    ("CatenaOpsCredentialsRefused", [series(CALLS, "0+1x60", **TOOL, error_type="tool_error", catena_fault="NotSignedIn")]),
    ("CatenaOpsFaultOfItsOwn", [series(CALLS, "0+1x60", **TOOL, error_type="tool_error", catena_fault="Unforeseen")]),
    ("CatenaOpsFaultOfItsOwn", [series(CALLS, "0+1x60", **TOOL, error_type="-32603", rpc_response_status_code="-32603")]),
    ("CatenaOpsCallsFail", [series(CALLS, "0+30x60", **TOOL, error_type="tool_error", catena_fault="Unavailable"), series(CALLS, "0+7x60", **TOOL)]),
    ("CatenaOpsSlow", [series(CALLS.replace("count", "bucket"), values, **TOOL, le=le) for le, values in (("30", "0+1x60"), ("60", "0+9x60"), ("+Inf", "0+9x60"))]),
    ("CatenaSlowsUsDown", [series(ANSWERS, "0+2x60", http_response_status_code="429"), series(ANSWERS, "0+8x60", http_response_status_code="200")]),
    ("CatenaUnavailable", [series(ANSWERS, "0+5x60", error_type="ConnectError"), series(ANSWERS, "0+5x60", http_response_status_code="200")]),
]  # fmt: skip
CALM = [
    series(CALLS, "0+9x60", **TOOL, error_type="tool_error", catena_fault="BadArgument"),
    series(CALLS, "0+9x60", **TOOL, error_type="cancelled"),
    series(ANSWERS, "0+9x60", error_type="cancelled"),
    series(ANSWERS, "0+1x60", http_response_status_code="429", error_type="429"),
    series(ANSWERS, "0+30x60", http_response_status_code="200"),
]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool of Prometheus is not here")
def test_each_alert_fires_on_what_it_is_for_and_on_nothing_else(tmp_path: Path) -> None:
    def case(told: list[dict[str, str]], **fires: bool) -> dict[str, Any]:
        checked = [
            {"alertname": name, "eval_time": "50m", "exp_alerts": [_as_expected(name)] if fires.get(name) else []}
            for name in {rule["alert"] for rule in RULES}
        ]
        return {"interval": "1m", "input_series": told, "alert_rule_test": checked}

    rules = tmp_path / "alerts.yaml"
    rules.write_text((DOCS / "alerts.yaml").read_text())
    tests = [case([*told, WELL], **{name: True}) for name, told in FIRES] + [case(CALM)]
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    ran = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "tests.yaml"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _as_expected(name: str) -> dict[str, Any]:
    rule = next(rule for rule in RULES if rule["alert"] == name)
    return {"exp_labels": rule["labels"] | {"job": "catena-ops-mcp"}, "exp_annotations": rule["annotations"]}
