"""Growth: windows of 10,000 to 10,000,000 operations in 45 days, asked of the history; a table, and a plot as SVG.

Rows are those of the demo's world, multiplied with ids, records and times of their own, put into a history as `sync` puts
them. Each question is asked in a process of its own, so that peak memory is its own.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import polars as pl

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
LENGTH = timedelta(days=45)
START = NOW - LENGTH
BASE = 100_000
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PLOT = Path(__file__).parent / "growth.svg"
GOAL_S = 2.0


def base(operations: int) -> pl.DataFrame:
    """Return the rows of the demo's last ten days."""
    from server.analysis.rows import rows_of
    from server.catena.wire import decode_page
    from server.demo.ids import from_datetime
    from server.demo.rows import row_of
    from server.demo.world import anchor_of, build_world

    world = build_world(anchor_of(NOW), operations=operations)
    shown, instant, parts = world.operations[: world.count_before(NOW)], from_datetime(NOW), []
    for first in range(0, len(shown), 10_000):
        items = [row_of(operation, world.partner_id, instant) for operation in shown[first : first + 10_000]]
        parts.append(rows_of(decode_page(msgspec.json.encode({"items": items, "next_page": None})).items))
    return pl.concat(parts)


def copied(rows: pl.DataFrame, number: int) -> pl.DataFrame:
    """Return the rows as another fleet's of the same size would be: stretched over the window, with ids of their own."""
    first = rows["created_at"].min()
    stretch = LENGTH / (NOW - first) if isinstance(first, datetime) else 1.0
    jitter = pl.col("id").hash(number) % 60_000_000
    moved = ((pl.col("created_at") - first).dt.total_microseconds() * stretch * 0.999 + jitter).cast(pl.Int64)
    took = pl.col("updated_at") - pl.col("created_at")
    created = pl.lit(START, pl.Datetime("us", "UTC")) + moved.cast(pl.Duration("us"))
    settled = (pl.col("status") == "pending") & (created < NOW - timedelta(days=2))
    return rows.with_columns(
        created_at=created,
        updated_at=created + took,
        id=_own("id", number),
        resource_id=pl.when(pl.col("resource_id").is_not_null()).then(_own("resource_id", number)),
        source_id=pl.when(pl.col("source_id").is_not_null()).then(pl.format("{}-{}", "source_id", pl.lit(number))),
        payload=pl.col("payload") ^ pl.lit(number * 7919, pl.UInt64),
        connection_id=pl.format("{}{}", pl.col("connection_id").cast(pl.String).str.head(35), pl.lit(number % 5)).cast(
            pl.Categorical
        ),
        status=pl.when(settled)
        .then(pl.lit("success"))
        .otherwise(pl.col("status").cast(pl.String))
        .cast(pl.Categorical),
    )


def _own(name: str, number: int) -> pl.Expr:
    """Return an id of 32 digits, as new as its copy."""
    of = pl.format("{}:{}", name, pl.lit(number))
    return (of.hash(1).cast(pl.String) + of.hash(2).cast(pl.String)).str.head(32)


def days_of(rows: pl.DataFrame, copies: int) -> Iterator[tuple[datetime, datetime, pl.DataFrame]]:
    """Return the days of the window with the rows of so many copies, without holding all of them."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(copies):
            copied(rows, number).sort("created_at").write_parquet(f"{folder}/{number}.parquet")
        start = START
        while start < NOW:
            end = min(start.replace(hour=0, minute=0) + timedelta(days=1), NOW)
            inside = pl.scan_parquet(f"{folder}/*.parquet").filter(
                pl.col("created_at").is_between(start, end, closed="left")
            )
            yield start, end, inside.collect()
            start = end


def fill(folder: Path, operations: int) -> dict[str, float]:
    """Put so many operations into a history; return what that took."""
    from server.catena.wire import Drift
    from server.history.kept import History

    history, put_s, cpu_s, count = History(folder, 400), 0.0, 0.0, 0
    rows = base(min(operations, BASE))
    for start, end, day in days_of(rows, max(1, operations // BASE)):
        began, cpu = time.perf_counter(), time.process_time()
        with history.writing() as writer:
            assert writer
            writer.put(start, end, max(NOW, end + timedelta(hours=25)), day, Drift())
            while writer.tidy(end + timedelta(hours=25)):
                pass
        put_s, cpu_s = put_s + time.perf_counter() - began, cpu_s + time.process_time() - cpu
        count += len(day)
    used = sum((folder / name).stat().st_size for part in history.folder.manifest().parts for name in part.files)
    return {"operations": count, "put_s": put_s, "put_cpu_s": cpu_s, "bytes": used / count}


def ask(folder: Path) -> dict[str, Any]:
    """Ask for all of it, twice, and for one TSP, in this process; return what each took."""
    from server.analysis.breakdown import Asked, broken_down
    from server.analysis.failures import groups_of, pending_of, totals_of
    from server.analysis.timeline import timeline_of
    from server.catena.query import Filters
    from server.causes.memory import Memory
    from server.history.kept import History

    history, memory = History(folder, 400), Memory()
    told: dict[str, Any] = {}

    def summary(filters: Filters) -> int:
        parts = history.standing(START, NOW, NOW)
        past = history.past(parts, START, NOW, filters)
        frame = past.frame()
        groups_of(frame, START, NOW, most=8, memory=memory, closers=(past, None))
        pending_of(frame, NOW), timeline_of(frame, START, NOW)
        return totals_of(frame).operations

    def days() -> None:
        past = history.past(history.standing(START, NOW, NOW), START, NOW, Filters())
        broken_down(past.frame(), START, NOW, Asked(("day",)), memory, past)

    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, question in {
        "first": lambda: summary(Filters()),
        "again": lambda: summary(Filters()),
        "one_tsp": lambda: summary(Filters(source_name="samsara")),
        "days": days,
    }.items():
        began, cpu = time.perf_counter(), time.process_time()
        question()
        told |= {name: time.perf_counter() - began, f"{name}_cpu": time.process_time() - cpu}
        if name == "again":
            told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told | {"before_mb": held}


def measured(sizes: list[int]) -> list[dict[str, float]]:
    """Fill and ask for each size, each in a process of its own."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            told: dict[str, float] = {}
            for act in ("fill", "ask"):
                command = [sys.executable, __file__, "--act", act, "--folder", folder, "--sizes", str(size)]
                told |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            found.append(told)
            print(row_of(told), flush=True)
    return found


HEAD = (
    "| operations | into the history, CPU | bytes each | summary of all: time, CPU | again | one TSP | by day | peak memory |\n"
    "|---|---|---|---|---|---|---|---|"
)


def row_of(told: dict[str, float]) -> str:
    """Write a row of the table."""
    each = 1e6 * told["put_cpu_s"] / told["operations"]
    over = "" if told["again"] <= GOAL_S else " **OVER**"
    return (
        f"| {told['operations']:,.0f} | {told['put_cpu_s']:.1f} s ({each:.0f} µs each) | {told['bytes']:.0f} | "
        f"{told['first']:.2f}, {told['first_cpu']:.2f} s | {told['again']:.2f} s{over} | {told['one_tsp']:.2f} s | "
        f"{told['days']:.2f} s | {told['peak_mb']:.0f} MB |"
    )


WIDTH, HEIGHT, LEFT, BOTTOM = 640, 360, 60, 320
TEXT = 'font-family="sans-serif" font-size="12"'
LINES = (
    ("again", "question, seconds", "#0969da"),
    ("put_cpu_s", "into the history, CPU seconds", "#8250df"),
    ("peak_mb", "peak memory, GB", "#bc4c00"),
    ("gb", "on disk, GB", "#1a7f37"),
)


def plot(found: list[dict[str, float]]) -> str:
    """Draw time, memory and disk over the number of operations, both axes logarithmic."""
    drawn = [f | {"peak_mb": f["peak_mb"] / 1000, "gb": f["bytes"] * f["operations"] / 1e9} for f in found]
    most = math.log10(max(f["operations"] for f in drawn))

    def x(operations: float) -> float:
        return LEFT + (math.log10(operations) - 4) / max(most - 4, 1) * (WIDTH - LEFT - 20)

    def y(value: float) -> float:
        return BOTTOM - (math.log10(max(value, 1e-4)) + 4) / 7 * (BOTTOM - 20)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 30}">',
        f'<rect width="{WIDTH}" height="{HEIGHT + 30}" fill="#ffffff"/>',
    ]
    for power in range(-4, 4):
        at = y(10.0**power)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - 20}" stroke="#d0d7de"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end" {TEXT} fill="#57606a">{10.0**power:g}</text>'
        )
    for f in drawn:
        count = f["operations"]
        parts.append(
            f'<text x="{x(count):.1f}" y="{BOTTOM + 18}" text-anchor="middle" {TEXT} fill="#57606a">{count:,.0f}</text>'
        )
    for number, (name, told, colour) in enumerate(LINES):
        points = " ".join(f"{x(f['operations']):.1f},{y(f[name]):.1f}" for f in drawn)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        left = LEFT + 145 * number
        parts.append(f'<text x="{left}" y="{HEIGHT + 10}" {TEXT} fill="{colour}">{told}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Print the table and write the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--act", choices=("fill", "ask"))
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.act:
        print(json.dumps(fill(chosen.folder, chosen.sizes[0]) if chosen.act == "fill" else ask(chosen.folder)))
        return
    print(HEAD)
    found = measured(chosen.sizes)
    if len(found) > 1:
        PLOT.write_text(plot(found))


if __name__ == "__main__":
    main()
