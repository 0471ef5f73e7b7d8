"""The failure board in Chromium, in a chat made of the official bridge: started here, checked in `*.test.mjs`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def node_version() -> int:
    """Return the major version of Node; 0 where there is none."""
    if not shutil.which("node"):
        return 0
    told = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout
    return int(told.removeprefix("v").split(".")[0])


def missing() -> list[str]:
    """Return what a browser test needs and this machine lacks."""
    lacks = [] if node_version() >= 20 else ["node >= 20"]
    lacks += [] if any(map(shutil.which, BROWSERS)) else ["chromium"]
    return lacks + ([] if (HERE / "node_modules").is_dir() else ["`npm ci --prefix tests/browser`"])


needs_a_browser = pytest.mark.skipif(bool(missing()), reason=f"the board is not tried in a browser: no {missing()}")


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"CATENA_OPS_COMMAND": f"{sys.executable} -m server"}
    return subprocess.run(
        ["node", *arguments], cwd=ROOT, env=os.environ | own, check=False, capture_output=True, text=True, timeout=600
    )


@needs_a_browser
@pytest.mark.parametrize("tests", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_board_holds_in_a_browser(tests: str) -> None:
    ran = node("--test", "--test-reporter=spec", str(HERE / tests))
    assert ran.returncode == 0, ran.stdout[ran.stdout.find("failing tests") :] + ran.stderr


@needs_a_browser
def test_the_page_is_made_of_the_sources_beside_it() -> None:
    ran = node(str(ROOT / "server/ui/source/build.mjs"), "--check")
    assert ran.returncode == 0, ran.stdout + ran.stderr
