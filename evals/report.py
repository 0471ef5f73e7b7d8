"""Write down how a run went: a line a question, then the figures that count."""

from collections.abc import Iterable, Sequence
from statistics import median

from .runner import Outcome

GOAL = 0.95
"""The share of questions that at most two calls should answer."""


def answered(outcomes: Sequence[Outcome]) -> float:
    """Return the share of questions that were answered."""
    return sum(outcome.verdict.right for outcome in outcomes) / len(outcomes)


def false_all_clears(outcomes: Iterable[Outcome]) -> list[str]:
    """Name the questions whose answer calls well what is not."""
    return [outcome.question.id for outcome in outcomes if outcome.verdict.false_all_clear]


def report(outcomes: Sequence[Outcome]) -> str:
    """Write the whole report."""
    head = ["question", "calls", "structured", "text", "tokens text", "structured", "s"]
    return "\n".join(
        [table(head, [_row(outcome) for outcome in outcomes]), "", *_missed(outcomes), *_figures(outcomes)]
    )


def _row(outcome: Outcome) -> list[str]:
    verdict = outcome.verdict
    clear = " FALSE ALL-CLEAR" if verdict.false_all_clear else ""
    return [
        outcome.question.id,
        str(outcome.calls),
        ("right" if verdict.structured else "MISS") + clear,
        "right" if verdict.text else "MISS",
        f"{outcome.text_tokens:,}",
        f"{outcome.structured_tokens:,}",
        f"{outcome.seconds:.2f}",
    ]


def _missed(outcomes: Iterable[Outcome]) -> list[str]:
    """Tell of each question that was not answered what differs."""
    missed = [outcome for outcome in outcomes if not outcome.verdict.right]
    return [f"missed {outcome.question.id}: {outcome.verdict.missing}" for outcome in missed]


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    right = [outcome for outcome in outcomes if outcome.verdict.right]
    in_one = sum(outcome.calls == 1 for outcome in right)
    clear = false_all_clears(outcomes)
    share = answered(outcomes)
    calls = f"{in_one} answered in one call, {len(right) - in_one} in more, {len(outcomes) - len(right)} missed"
    forms = [sum(o.verdict.structured for o in outcomes), sum(o.verdict.text for o in outcomes)]
    text = _spread([outcome.text_tokens for outcome in outcomes])
    structured = _spread([outcome.structured_tokens for outcome in outcomes])
    return [
        f"{len(outcomes)} questions: {calls} ({share:.1%} answered, goal {GOAL:.0%})",
        f"right in the structured result: {forms[0]}; in the text alone: {forms[1]}",
        f"false all-clears: {len(clear)}{' (' + ', '.join(clear) + ')' if clear else ''}",
        f"tokens an answer: text {text}; structured {structured}",
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
