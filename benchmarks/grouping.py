"""Measure how well failures are grouped by cause: on labelled error bodies and on LogHub, with one setting for all.

`--errors` takes gzipped files of JSON lines `[error_type, status, details, cause]`, `--loghub` a folder of
`*_structured.csv` (Content, EventId), `--shapes` JSON lines of single bodies with what must hold of them. All stay
outside the project; what is absent is skipped, as is the baseline. Figures of files that the rules were made with say
how well they fit; only a file that nobody had seen says how well they carry over, and only the first time.
"""

import argparse
import csv
import gzip
import heapq
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.causes.families import MOST_LEARNED, Member, digest, refined, resolved
from server.causes.guidance import guidance_for
from server.causes.memory import Memory
from server.causes.signatures import group_id, signature_of

SHUFFLES, PARTS, SEED = 5, 4, 7
WINDOWS = 10
MILLION = 1_000_000
REPEATED = 2_000
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
    "first ids",
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
    """Compare groups with causes: GA, FGA, pair-F1, rows over-merged and fragmented, groups a cause.

    Over-merged are all rows of groups that hold more than one cause.
    """
    causes = [row.cause for row in rows]
    of_cause, of_group, both = Counter(causes), Counter(groups), Counter(zip(causes, groups, strict=True))
    exact = [n for (cause, group), n in both.items() if n == of_cause[cause] == of_group[group]]
    largest_group: dict[str, int] = defaultdict(int)
    for (cause, _), n in both.items():
        largest_group[cause] = max(largest_group[cause], n)
    pair_f1 = 2 * pairs(both) / ((pairs(of_cause) + pairs(of_group)) or 1)
    mixed = {group for group, n in Counter(group for _, group in both).items() if n > 1}
    over, split = sum(of_group[group] for group in mixed), len(rows) - sum(largest_group.values())
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


def stable(rows: Sequence[Row]) -> list[str]:
    """Return the share of ids of a first window, and of later ones, that are still told once all windows are known."""
    order = random.Random(SEED).sample(range(len(rows)), len(rows))
    members, memory = [member_of(row) for row in rows], Memory()
    told = []
    for part in (order[i::WINDOWS] for i in range(WINDOWS)):
        learned = memory.learn(members[i] for i in part)
        told.append({i: learned.id_of(members[i]) for i in part})
    last = memory.learn(members)
    same = [sum(last.id_of(members[i]) == name for i, name in ids.items()) / len(ids) for ids in told if ids]
    return [f"{same[0]:.3f}", f"{sum(same[1:]) / len(same[1:]):.4f}"]


def measured(name: str, rows: Sequence[Row], group: Callable[[Sequence[Row]], list[str]], *, ours: bool) -> list[str]:
    """Return one line of figures."""
    began = time.process_time()
    groups = group(rows)
    speed = len(rows) / (time.process_time() - began)
    checks = [merges(rows, groups), *stable(rows)] if ours else ["-", "-", "-"]
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
    return ["mean", *shares, *["-"] * 4, str(max(map(int, columns[8]))), "-", "-", "-"]


def distinct_bodies(rows: Sequence[Row], most: int) -> Iterator[tuple[Row, str]]:
    """Return bodies whose signatures all differ: real ones, each with a name behind it or in a sentence of its own."""
    for i in range(most):
        row = rows[i % len(rows)]
        name = f"{spelt(i)} {spelt(i * 7 + 3)}"
        body = row.body.strip()
        yield (
            row,
            body[:-1] + f',"note":"It was sent by {name} of them"}}' if body.endswith("}") else f"{body} for {name}",
        )


def spelt(number: int) -> str:
    """Write a number as a capitalised word of letters."""
    letters = ""
    while number or len(letters) < 3:
        number, rest = divmod(number, 20)
        letters += "bdfghklmnprstvzaeiou"[rest]
    return letters.capitalize()


def peak() -> float:
    """Return the most memory this process has held, in MB; `ru_maxrss` begins with that of the parent on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def million(rows: Sequence[Row]) -> None:
    """Run a million distinct bodies through both steps; print time and memory. Runs in a process of its own."""
    before, began = peak(), time.process_time()
    pools: defaultdict[tuple[str, str | None, int | None], list[str]] = defaultdict(list)
    for row, body in distinct_bodies(rows, MILLION):
        pools[row.source, row.error_type, row.status].append(signature_of(body).skeleton)
    signatures = sum(map(len, pools.values()))
    learned = Memory().learn(
        Member(*pool, skeleton)
        for pool, skeletons in pools.items()
        for skeleton in heapq.nsmallest(MOST_LEARNED, skeletons, key=digest)
    )
    causes = {learned.id_of(Member(*pool, skeleton)) for pool, skeletons in pools.items() for skeleton in skeletons}
    print(f"1,000,000 distinct bodies: {time.process_time() - began:.1f} s of 60, {peak() - before:.0f} MB of 300, "
          f"{signatures:,} signatures, {len(causes):,} causes")  # fmt: skip


def speeds(rows: Sequence[Row]) -> None:
    """Print bodies a second through both steps, where a few thousand repeat and where nearly all differ."""
    drawn = random.Random(SEED)
    few = [drawn.choice(rows[:REPEATED]) for _ in range(50 * REPEATED)]
    several = [replace(row, body=body) for row, body in distinct_bodies(rows, 5 * REPEATED)]
    for name, of, goal in (("repeating", few, 50_000), ("that all differ", several, 15_000)):
        began = time.process_time()
        by_families(of)
        print(f"bodies {name}: {len(of) / (time.process_time() - began):,.0f} a second (goal {goal:,})")


def shapes(path: Path) -> None:
    """Print which of the single bodies of a file are not titled, told apart or guided as the file says."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    asked = [shape for shape in found if "hides" not in shape["right"]]  # what is hidden is measured elsewhere
    misses = [(shape["kind"], miss) for shape in asked if (miss := missed(shape))]
    print(f"\nshapes: {len(asked) - len(misses)} of {len(asked)} right ({len(found) - len(asked)} ask what is hidden)")
    for kind, miss in misses:
        print(f"  {kind}: {', '.join(miss)}")


def missed(shape: dict[str, Any]) -> list[str]:
    """Return what is not as it should be with one body."""
    right, signature = shape["right"], signature_of(shape["details"])
    source = "wialon" if "wialon" in right.get("note", "") else "tsp"
    told = guidance_for(source, shape["error_type"], shape["status"], f"{signature.title} {signature.message}")

    def together(other: str) -> bool:
        members = [Member("tsp", shape["error_type"], shape["status"], signature_of(body).skeleton)
                   for body in (shape["details"], other)]  # fmt: skip
        return len(set(refined(members).values())) == 1

    checks = {
        "title": right.get("title", signature.title) == signature.title,
        "says": all(word in signature.title for word in right.get("says", ())),
        "split": "same_as" not in right or together(right["same_as"]),
        "merged": "differs_from" not in right or not together(right["differs_from"]),
        "owner": right.get("owner", told.owner) == told.owner,
        "retryable": right.get("retryable", told.retryable) == told.retryable,
    }
    return [name for name, holds in checks.items() if not holds]


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=Path, nargs="+", default=[])
    parser.add_argument("--loghub", type=Path)
    parser.add_argument("--shapes", type=Path)
    parser.add_argument("--million", action="store_true", help="only the million bodies, in this process")
    chosen = parser.parse_args()
    errors = {path.name.split(".")[0]: errors_of(path) for path in chosen.errors if path.exists()}
    if chosen.million:
        million(next(iter(errors.values())))
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
        bodies = [measured(file, rows, group, ours=ours) for file, rows in errors.items()]
        lines = [measured(path.stem.split("_")[0], loghub_of(path), group, ours=ours) for path in sets]
        table(name, [*bodies, *lines, *([mean_of(lines)] if lines else [])])
    if chosen.shapes and chosen.shapes.exists():
        shapes(chosen.shapes)
    if errors:
        print()
        speeds(next(iter(errors.values())))
        subprocess.run([sys.executable, __file__, "--million", "--errors", str(chosen.errors[0])], check=True)


if __name__ == "__main__":
    main()
