"""Ask all questions by script, or of a model with --model."""

import argparse
import os
import sys

import anyio

from .models import WAYS, NoKey, Refused, ask_model, model_named
from .questions import Question, questions_of
from .report import GOAL, MODEL, SCRIPTED, answered, false_all_clears, report
from .runner import Outcome, run
from .truth import Truth
from .world import World, build_world

CANNOT = 2


def main(arguments: list[str] | None = None) -> int:
    """Print the report; 1 where less than the floor is answered or something is falsely called well, 2 without a model."""
    parser = _parser()
    given = parser.parse_args(arguments)
    world = build_world()
    every = questions_of(Truth(world))
    if unknown := set(given.only) - {question.id for question in every}:
        parser.error(f"no question is called {', '.join(sorted(unknown))}")
    asked = [question for question in every if not given.only or question.id in given.only]
    try:
        outcomes = _outcomes(given, world, asked)
    except (NoKey, Refused) as exc:
        print(exc, file=sys.stderr)
        return CANNOT
    print(report(outcomes, MODEL if given.model else SCRIPTED))
    return int(answered(outcomes) < given.floor or bool(false_all_clears(outcomes)))


def _outcomes(given: argparse.Namespace, world: World, asked: list[Question]) -> list[Outcome]:
    if not given.model:
        return anyio.run(run, world, asked)
    return anyio.run(ask_model, world, asked, model_named(given.model, given.protocol, os.environ))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    parser.add_argument("--model", help="a model to ask, by its name at the API whose key is set")
    parser.add_argument("--protocol", choices=sorted(WAYS), help="how it is asked (default: by key and name)")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these questions alone")
    parser.add_argument(
        "--floor", type=float, default=GOAL, help="the share that must be answered (default %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
