"""Write down how a run went: a line a question, then the figures that count."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from .runner import Outcome

GOAL = 0.95
"""The share of questions that at most two calls should answer."""


def answered(outcomes: Sequence[Outcome]) -> float:
    """Return the share of questions that were answered, of one at least."""
    return sum(outcome.verdict.right for outcome in outcomes) / len(outcomes)


def false_all_clears(outcomes: Iterable[Outcome]) -> list[str]:
    """Name the questions whose answer calls well what is not."""
    return [outcome.question.id for outcome in outcomes if outcome.verdict.false_all_clear]


class Columns(NamedTuple):
    """What a run has verdicts on, and what its tokens are of."""

    verdicts: tuple[str, ...]
    tokens: tuple[str, str]


SCRIPTED = Columns(("structured", "text"), ("text", "structured"))
MODEL = Columns(("answer",), ("read", "written"))


def report(outcomes: Sequence[Outcome], columns: Columns = SCRIPTED) -> str:
    """Write the whole report."""
    head = ["question", "calls", *columns.verdicts, *(f"tokens {name}" for name in columns.tokens), "s"]
    return "\n".join(
        [
            table(head, [_row(outcome, columns) for outcome in outcomes]),
            "",
            *_missed(outcomes),
            *_figures(outcomes, columns),
        ]
    )


def _row(outcome: Outcome, columns: Columns) -> list[str]:
    verdict = outcome.verdict
    marks = ["right" if right else "MISS" for right in (verdict.structured, verdict.text)][: len(columns.verdicts)]
    marks[0] += " FALSE ALL-CLEAR" if verdict.false_all_clear else ""
    return [
        outcome.question.id,
        str(outcome.calls),
        *marks,
        f"{outcome.tokens[0]:,}",
        f"{outcome.tokens[1]:,}",
        f"{outcome.seconds:.2f}",
    ]


def _missed(outcomes: Iterable[Outcome]) -> list[str]:
    """Tell of each question that was not answered what differs."""
    missed = [outcome for outcome in outcomes if not outcome.verdict.right]
    return [f"missed {outcome.question.id}: {outcome.verdict.missing}" for outcome in missed]


def _figures(outcomes: Sequence[Outcome], columns: Columns) -> list[str]:
    right = [outcome for outcome in outcomes if outcome.verdict.right]
    in_one = sum(outcome.calls == 1 for outcome in right)
    clear = false_all_clears(outcomes)
    share = answered(outcomes)
    calls = f"{in_one} answered in one call, {len(right) - in_one} in more, {len(outcomes) - len(right)} missed"
    forms = [sum(o.verdict.structured for o in outcomes), sum(o.verdict.text for o in outcomes)]
    spread = [_spread([o.tokens[0] for o in outcomes]), _spread([o.tokens[1] for o in outcomes])]
    return [
        f"{len(outcomes)} asked: {calls} ({share:.1%} answered, goal {GOAL:.0%})",
        "right: " + "; ".join(f"{name} {count}" for name, count in zip(columns.verdicts, forms, strict=False)),
        f"false all-clears: {len(clear)}{' (' + ', '.join(clear) + ')' if clear else ''}",
        "tokens a question: " + "; ".join(f"{name} {told}" for name, told in zip(columns.tokens, spread, strict=True)),
    ]


def _spread(counts: list[int]) -> str:
    return f"{median(counts):,.0f} at the median, {max(counts):,} at most"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Write rows in columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for first, *rest in [head, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
