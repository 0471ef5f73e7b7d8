"""Run asynchronous tests on both event loops; trio's clock is virtual, so a wait there costs no time."""

from typing import Any

import pytest
from trio.testing import MockClock


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, {"clock": MockClock(autojump_threshold=0)} if request.param == "trio" else {}
