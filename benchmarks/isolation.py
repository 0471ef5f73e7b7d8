"""Let callers of eight tenants ask whatever comes, of two servers at once, while keys rotate and Redis dies and comes back.

Each answer is looked through for ids and references of rows that its caller may not see; totals of whole windows are counted
again by another rule. The tests do the same with a few dozen questions.
"""

import argparse
import random
import resource
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.demo.world import anchor_of, build_world
from tests.conftest import NOW
from tests.redis_server import RedisServer
from tests.serving import conftest
from tests.serving.issuer import MAKE, Issuer, issuing
from tests.serving.signed import signed_in
from tests.serving.test_isolation import TENANTS, Asking, Rows

SHAKES = 12


def ask(asking: Asking, until: float, seen: Counter[str]) -> None:
    """Ask until the time is up; count what was answered, and what went wrong."""
    while time.monotonic() < until:
        try:
            asking.one()
            seen["answered"] += 1
        except AssertionError as wrong:
            seen[str(wrong)[:200]] += 1


def shake(issuer: Issuer, redis: RedisServer, until: float, every_s: float) -> None:
    """Rotate the issuer's key again and again, and let Redis be away for a while."""
    number = 0
    while time.monotonic() + every_s < until:
        time.sleep(every_s)
        number += 1
        issuer.rotate(f"key-{number}", random.choice(list(MAKE)), keep=True)
        if number == SHAKES // 3:
            redis.kill()
        if number == SHAKES // 2:
            redis.start()
        print(
            f"  key {number}: memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most",
            flush=True,
        )


def main(seconds: float, clients: int) -> None:
    """Print how many answers there were, and how many told what they should not."""
    conftest.PATIENCE_S = 60  # many clients wait for each other
    world, seen = build_world(anchor_of(NOW)), Counter[str]()
    rows = Rows(world)
    with issuing() as issuer, RedisServer() as redis, ExitStack() as stack:
        servers = []
        for _ in range(2):
            web = stack.enter_context(signed_in(world, issuer, TENANTS, store_url=redis.url, caller_questions=10_000))
            servers.append((web, issuer.audience))
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=ask, args=(Asking(servers, issuer, rows, seed), until, seen))
            for seed in range(clients)
        ]
        threads.append(threading.Thread(target=shake, args=(issuer, redis, until, seconds / SHAKES)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"{seen.pop('answered', 0):,} answers; wrong: {seen.total()} {dict(seen.most_common(5)) or ''}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=10)
    given = parser.parse_args()
    main(given.seconds, given.clients)
