"""Ask all questions by script, or of a model with --model."""

import argparse
import sys

import anyio

from .questions import questions_of
from .report import GOAL, answered, false_all_clears, report
from .runner import run
from .truth import Truth
from .world import build_world


def main() -> int:
    """Print the report; 1 where less than the floor is answered, or something false is called well."""
    parser = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these questions alone")
    parser.add_argument(
        "--floor", type=float, default=GOAL, help="the share that must be answered (default %(default)s)"
    )
    given = parser.parse_args()
    world = build_world()
    asked = [q for q in questions_of(Truth(world)) if not given.only or q.id in given.only]
    outcomes = anyio.run(run, world, asked)
    print(report(outcomes))
    return int(answered(outcomes) < given.floor or bool(false_all_clears(outcomes)))


if __name__ == "__main__":
    sys.exit(main())
