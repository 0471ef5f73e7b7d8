"""Measure how well failures are grouped by cause: on labelled error bodies and on LogHub, with one setting for all.

`--errors` takes a gzipped file of JSON lines `[error_type, status, details, cause]`, `--loghub` a folder of
`*_structured.csv` (Content, EventId). Both stay outside the project; what is absent is skipped, as is the baseline.
"""

import argparse
import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.causes.families import Member, refined, resolved
from server.causes.signatures import group_id, signature_of

SHUFFLES, PARTS, SEED = 5, 4, 7
MILLION = 1_000_000
# The masks that the README of drain3 gives.
MASKS = [
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
]
HEAD = [
    "set",
    "GA",
    "FGA",
    "pair-F1",
    "over-merged",
    "fragmented",
    "groups/cause",
    "rows/s",
    "moved",
    "merge",
    "stable",
]


@dataclass(frozen=True)
class Row:
    """One failure and the cause it is labelled with."""

    source: str
    error_type: str | None
    status: int | None
    body: str
    cause: str


def member_of(row: Row) -> Member:
    """Return the part of a row that its group is a function of."""
    return Member(row.source, row.error_type, row.status, signature_of(row.body).skeleton)


def ids_of(members: Sequence[Member], among: Sequence[Member] | None = None) -> list[str]:
    """Return the public id of each member, families found in `among`."""
    ids = resolved(refined(members if among is None else among))
    return [ids[member] for member in members]


def by_families(rows: Sequence[Row]) -> list[str]:
    """Group rows as the product does."""
    return ids_of([member_of(row) for row in rows])


def by_signature(rows: Sequence[Row]) -> list[str]:
    """Group rows by the signature of each alone."""
    return [group_id(*member) for member in map(member_of, rows)]


def by_drain(text_of: Callable[[Row], str]) -> Callable[[Sequence[Row]], list[str]]:
    """Group rows as drain3 with the masks of its README does, within source, type and status."""
    masking = import_module("drain3.masking").MaskingInstruction
    config_of = import_module("drain3.template_miner_config").TemplateMinerConfig
    miner_of = import_module("drain3").TemplateMiner

    def grouped(rows: Sequence[Row]) -> list[str]:
        config = config_of()
        config.masking_instructions = [masking(pattern, name) for pattern, name in MASKS]
        miners: defaultdict[Hashable, Any] = defaultdict(lambda: miner_of(config=config))
        found = []
        for row in rows:
            key = (row.source, row.error_type, row.status)
            found.append(f"{key}{miners[key].add_log_message(text_of(row))['cluster_id']}")
        return found

    return grouped


def pairs(sizes: Counter[Any]) -> int:
    """Count the pairs inside groups of these sizes."""
    return sum(n * (n - 1) // 2 for n in sizes.values())


def accuracy(rows: Sequence[Row], groups: Sequence[str]) -> list[str]:
    """Compare groups with causes: GA, FGA, pair-F1, rows over-merged and fragmented, groups a cause."""
    causes = [row.cause for row in rows]
    of_cause, of_group, both = Counter(causes), Counter(groups), Counter(zip(causes, groups, strict=True))
    exact = [n for (cause, group), n in both.items() if n == of_cause[cause] == of_group[group]]
    largest_cause: dict[str, int] = defaultdict(int)
    largest_group: dict[str, int] = defaultdict(int)
    for (cause, group), n in both.items():
        largest_cause[group] = max(largest_cause[group], n)
        largest_group[cause] = max(largest_group[cause], n)
    pair_f1 = 2 * pairs(both) / ((pairs(of_cause) + pairs(of_group)) or 1)
    over, split = (len(rows) - sum(largest.values()) for largest in (largest_cause, largest_group))
    return [
        f"{sum(exact) / len(rows):.3f}",
        f"{2 * len(exact) / (len(of_cause) + len(of_group)):.3f}",
        f"{pair_f1:.3f}",
        f"{over / len(rows):.2%}",
        f"{split / len(rows):.2%}",
        f"{len(of_group) / len(of_cause):.2f}",
    ]


def moved(rows: Sequence[Row], group: Callable[[Sequence[Row]], list[str]], whole: Sequence[str]) -> int:
    """Return the most rows whose group, as a set of rows, differs after a shuffle."""
    worst, drawn = 0, random.Random(SEED)
    first = sets_of(whole, range(len(rows)))
    for _ in range(SHUFFLES):
        order = drawn.sample(range(len(rows)), len(rows))
        again = sets_of(group([rows[i] for i in order]), order)
        worst = max(worst, sum(first[i] != again[i] for i in order))
    return worst


def sets_of(groups: Sequence[str], order: Sequence[int]) -> dict[int, int]:
    """Return for each row a number that stands for all the rows in its group."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for i, group in zip(order, groups, strict=True):
        members[group].append(i)
    return {i: hash(frozenset(rows)) for rows in members.values() for i in rows}


def merges(rows: Sequence[Row], whole: Sequence[str]) -> str:
    """Tell whether what four parts found, put together, equals what the whole found."""
    parts = [{member_of(row) for row in rows[i::PARTS]} for i in range(PARTS)]
    united = ids_of([member_of(row) for row in rows], list(set().union(*parts)))
    return "equal" if united == list(whole) else "DIFFERS"


def stable(rows: Sequence[Row], group: Callable[[Sequence[Row]], list[str]], whole: Sequence[str]) -> str:
    """Return the share of rows whose id is the same in a tenth of the rows as in all of them."""
    order = random.Random(SEED).sample(range(len(rows)), len(rows))
    same = 0
    for part in (order[i::10] for i in range(10)):
        ids = group([rows[i] for i in part])
        same += sum(ids[at] == whole[i] for at, i in enumerate(part))
    return f"{same / len(rows):.4f}"


def measured(name: str, rows: Sequence[Row], group: Callable[[Sequence[Row]], list[str]], *, ours: bool) -> list[str]:
    """Return one line of figures."""
    began = time.process_time()
    groups = group(rows)
    speed = len(rows) / (time.process_time() - began)
    checks = [merges(rows, groups), stable(rows, group, groups)] if ours else ["-", "-"]
    return [name, *accuracy(rows, groups), f"{speed:,.0f}", str(moved(rows, group, groups)), *checks]


def errors_of(path: Path) -> list[Row]:
    """Read labelled error bodies."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [Row("tsp", kind, status, details or "", cause) for kind, status, details, cause in found]


def loghub_of(path: Path) -> list[Row]:
    """Read one LogHub set; its events are the causes."""
    with path.open(encoding="utf-8") as lines:
        return [Row(path.stem.split("_")[0], None, None, r["Content"], r["EventId"]) for r in csv.DictReader(lines)]


def table(title: str, rows: list[list[str]]) -> None:
    """Print figures in columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in [HEAD, *rows]) for i in range(len(HEAD))]
    print(f"\n{title}")
    for row in [HEAD, *rows]:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))))  # fmt: skip


def mean_of(lines: list[list[str]]) -> list[str]:
    """Return the mean line of several sets."""
    columns = list(zip(*lines, strict=True))
    shares = [f"{sum(map(float, column)) / len(column):.3f}" for column in columns[1:4]]
    return ["mean", *shares, *["-"] * 4, str(max(map(int, columns[8]))), "-", "-"]


def distinct_bodies(rows: Sequence[Row], most: int) -> Callable[[], Any]:
    """Return a maker of bodies that all differ: real ones, each with its number behind it or in a key of its own."""

    def bodies() -> Any:
        for i in range(most):
            body = rows[i % len(rows)].body
            yield body[:-1] + f',"n{i}":{i}}}' if body.endswith("}") else f"{body} {i}"

    return bodies


def peak() -> float:
    """Return the most memory this process has held, in MB; `ru_maxrss` begins with that of the parent on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def million(rows: Sequence[Row]) -> None:
    """Run a million distinct bodies through both steps; print time and memory. Runs in a process of its own."""
    before = peak()
    began = time.process_time()
    found: set[Member] = set()
    bodies = distinct_bodies(rows, MILLION)()
    for start in range(0, MILLION, 10_000):
        for offset, body in enumerate(islice(bodies, 10_000)):
            row = rows[(start + offset) % len(rows)]
            found.add(Member(row.source, row.error_type, row.status, signature_of(body).skeleton))
    families = len(set(resolved(refined(found)).values()))
    grown = peak() - before
    print(f"1,000,000 distinct bodies: {time.process_time() - began:.1f} s of 40, {grown:.0f} MB of 200, "
          f"{len(found):,} signatures, {families:,} families")  # fmt: skip


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=Path)
    parser.add_argument("--loghub", type=Path)
    parser.add_argument("--million", action="store_true", help="only the million bodies, in this process")
    chosen = parser.parse_args()
    errors = errors_of(chosen.errors) if chosen.errors and chosen.errors.exists() else []
    if chosen.million:
        million(errors)
        return
    sets = sorted(chosen.loghub.glob("*_structured.csv")) if chosen.loghub and chosen.loghub.exists() else []
    methods: dict[str, Callable[[Sequence[Row]], list[str]]] = {
        "families": by_families,
        "signature alone": by_signature,
    }
    if find_spec("drain3"):
        methods["drain3, its README's masks"] = by_drain(lambda row: row.body)
        methods["drain3 behind our normaliser"] = by_drain(lambda row: signature_of(row.body).skeleton)
    for name, group in methods.items():
        ours = group is by_families
        lines = [measured(path.stem.split("_")[0], loghub_of(path), group, ours=ours) for path in sets]
        table(name, [
            *([measured("error bodies", errors, group, ours=ours)] if errors else []), *lines, *([mean_of(lines)] if lines else [])
        ])  # fmt: skip
    if errors:
        subprocess.run([sys.executable, __file__, "--million", "--errors", str(chosen.errors)], check=True)


if __name__ == "__main__":
    main()
