"""Measure what the worst bodies cost: fragments that patterns stumble over, repeated to a full body, alone and in pairs.

A pattern that backtracks shows as a body that costs far more than plain words of the same length, and more than twice
as much at twice the length.
"""

import itertools
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.causes.families import Member, refined
from server.causes.signatures import signature_of

LENGTH = 16_384
PLAIN = "The vehicle could not be saved at the provider, try again later. "
FRAGMENTS = (
    *"{ [ < ( \" ' « “ „ } ] > ) = & ; | , . : / \\ - _ @ # % ? * ~ \x1e \x00 \u202e \ud800 é 車".split(" "),
    *('{"a":', '["', '\\"', "<a ", "<!--", "<script>", "</", "<hr>", "'a ", "a' ", "a=b&", "a=b;", ")=(", "(SQL: "),
    *(
        "at a.b(",
        "Caused by: ",
        "Traceback",
        "\n\tat ",
        "\n",
        " ",
        "a.",
        "a:",
        "1.2.",
        "0x",
        "A-B 1 ",
        "1 AB ",
        "Ab Cd, ",
    ),
    *(
        "https://a/",
        "a@b.",
        "a..",
        "Errno ",
        "code=",
        "message: ",
        '{"message":"',
        "+1 (555) ",
        "licence no ",
        "Error: ",
    ),
    *(
        "ab",
        "Ab ",
        "AB_",
        "aB",
        "12",
        "a1",
        "  x",
        "...",
        "''",
        '""',
        "``",
        "<*>",
        "null,",
        "true",
        "-1e5",
        "\\u00",
        "%20",
    ),
)


def cost_of(body: str) -> float:
    """Return the seconds that a body takes."""
    best = float("inf")
    for _ in range(1):
        began = time.perf_counter()
        skeleton = signature_of(body).skeleton
        refined([Member("a", None, None, skeleton), Member("a", None, None, skeleton + " x")])
        best = min(best, time.perf_counter() - began)
    return best


def filled(fragment: str, length: int) -> str:
    """Repeat a fragment to a body of this length."""
    return (fragment * (length // len(fragment) + 1))[:length]


def main() -> None:
    """Print the dearest bodies against plain words, and against themselves at half the length."""
    usual = statistics.median(cost_of(filled(PLAIN + str(i), LENGTH)) for i in range(9))
    bodies = {filled(a, LENGTH): repr(a) for a in FRAGMENTS}
    bodies |= {filled(a + b, LENGTH): repr(a + b) for a, b in itertools.product(FRAGMENTS, repeat=2)}
    bodies |= {a + filled(b, LENGTH - len(a)): f"{a!r} then {b!r}" for a in FRAGMENTS for b in FRAGMENTS}
    costs = sorted(((cost_of(body), body) for body in bodies), reverse=True)
    print(f"plain words, {LENGTH:,} characters: {usual * 1e3:.2f} ms; {len(bodies):,} hostile bodies, the dearest:")
    for cost, body in costs[:8]:
        growth = cost / cost_of(body[: len(body) // 2])
        print(f"  {cost * 1e3:7.2f} ms, {cost / usual:6.1f} times plain, {growth:4.1f} times its half  {bodies[body]}")


if __name__ == "__main__":
    main()
