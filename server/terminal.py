"""Answers for a terminal: the causes of a summary, two windows, a breakdown or a record's story as tables and bars.

What an answer is is told by its shape, as on the board; what has no shape here is told by its text.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .catena.outside import one_line

Told = Mapping[str, Any]

_LEVELS = "▁▂▃▄▅▆▇█"
_BAR = 24
_MOST_COLUMNS = 16
_CHANGES = {"new": "red", "worse": "red", "gone": "green", "better": "green"}
_STATES = {"success": ("✓", "green"), "failed": ("✕", "red"), "pending": ("…", "yellow")}
_OWNERS = {"partner": "partner acts", "fleet": "fleet acts", "tsp": "TSP acts", "catena": "Catena acts"}
_RETRY = {True: "retry helps", False: "do not retry", None: "retry: unknown"}


def drawn(answer: Told, timelines: Mapping[str, list[int]] | None = None) -> RenderableType | None:
    """Return an answer as a terminal shows it best, or None where that is its text.

    `timelines`: the failures of each cause over time, where they came with it.
    """
    if "rows" in answer and "by" in answer:
        return _breakdown(answer)
    if "story" in answer:
        return _story(answer)
    if "baseline" in answer and "groups" in answer:
        return _comparison(answer)
    return _summary(answer, timelines or {}) if "groups" in answer and "totals" in answer else None


def _summary(answer: Told, timelines: Mapping[str, list[int]]) -> RenderableType:
    causes = _table("cause", "failed", "share", "over time", "wrong now")
    for group in answer["groups"]:
        _add(
            causes,
            _cause(group, _acts(group)),
            _count(group.get("count")),
            _percent(group.get("share")),
            Text(
                _spark(timelines.get(group.get("id", ""), [])),
                style="dim" if group.get("trend") == "stopped" else "red",
            ),
            _wrong(group.get("outcome", {}).get("unresolved")),
        )
    for brief in [*answer.get("more", []), *answer.get("other", {}).get("largest", [])]:
        _add(causes, _cause(brief), _count(brief.get("count")), "", "", _wrong(brief.get("unresolved")))
    pending = answer.get("pending", {})
    waits = f"{_count(pending.get('count'))} pending, {_count(pending.get('over_1h'))} for over 1 h."
    return Group(
        *_head(answer), *_timeline(answer.get("timeline", {})), Text(), causes, *_left(answer), Text(waits, style="dim")
    )


def _acts(group: Told) -> str:
    since = group.get("began") or group.get("first_seen")
    parts = [
        _OWNERS.get(group.get("owner", ""), ""),
        _RETRY.get(group.get("retryable"), ""),
        _word(group.get("trend")),
        f"since {_at(since)}" if since else "",
    ]
    return ", ".join(part for part in parts if part)


def _comparison(answer: Told) -> RenderableType:
    causes = _table("change", "cause", "now", "before", "")
    groups = answer["groups"]
    top = max((max(group.get("rate", 0), group.get("baseline_rate", 0)) for group in groups), default=0)
    for group in groups:
        now, before = group.get("rate", 0), group.get("baseline_rate", 0)
        since = f"since {_at(group['since'])}" if group.get("since") else ""
        _add(
            causes,
            Text(_word(group.get("change")), style=_CHANGES.get(group.get("change", ""), "")),
            _cause(group, since),
            f"{_count(group.get('count'))}\n{_percent(now)}",
            f"{_count(group.get('baseline_count'))}\n{_percent(before)}",
            Text.assemble(_bar(now, top, "red"), "\n", _bar(before, top, "dim")),
        )
    baseline = answer["baseline"]
    against = Text(f"Compared with {_span(baseline)}", style="dim")
    read = {"complete": answer.get("complete"), "note": answer.get("note")}
    return Group(
        Text(_word(answer.get("verdict"), 400), style="bold"),
        _asked(answer),
        against,
        _covered(read),
        Text(),
        causes,
        *_left(answer),
    )


def _breakdown(answer: Told) -> RenderableType:
    by: list[str] = [answer["by"]] if isinstance(answer["by"], str) else list(answer["by"])
    cells = [(_parts(row.get("key"), by), row) for row in answer["rows"]]
    return Group(*_head(answer), Text(), _grid(by, cells) or _bars(by, cells), *_left(answer))


def _parts(key: Any, by: Sequence[str]) -> list[str]:
    if isinstance(key, Mapping):
        return [_name(key.get(name)) for name in by]
    return [_word(part) for part in key] if isinstance(key, list) else [_word(key)]


def _name(value: Any) -> str:
    """Name a value of a breakdown: causes and records are told with their parts."""
    return _word(value.get("title") or value.get("id") if isinstance(value, Mapping) else value) or "none"


def _bars(by: Sequence[str], cells: Sequence[tuple[list[str], Told]]) -> Table:
    table = _table(" and ".join(by).replace("_", " "), "failed", "of", "rate", "", "wrong now", "mostly")
    top = max((row.get("failed", 0) for _, row in cells), default=0)
    for parts, row in cells:
        failed = row.get("failed", 0)
        rate = row.get("failure_rate")  # without it, operations are failures
        of = ("", "") if rate is None else (_count(row.get("operations")), _percent(rate))
        _add(table, " ".join(parts), _count(failed), *of,
            _bar(failed, top, "red"), _wrong(row.get("records", {}).get("unresolved")),
            _word(row.get("top_cause", {}).get("title")),
        )  # fmt: skip
    return table


def _grid(by: Sequence[str], cells: Sequence[tuple[list[str], Told]]) -> Table | None:
    """Return two dimensions as a table of failures, or None where they are not two or too many for a line."""
    if len(by) != 2 or any(len(parts) != 2 for parts, _ in cells):
        return None
    axes = [list(dict.fromkeys(parts[i] for parts, _ in cells)) for i in (0, 1)]
    down, across = (0, 1) if len(axes[1]) <= len(axes[0]) else (1, 0)
    if not cells or len(axes[across]) > _MOST_COLUMNS:
        return None
    failed = {(parts[down], parts[across]): row.get("failed", 0) for parts, row in cells}
    top = max(failed.values()) or 1
    table = _table(by[down], *axes[across])
    for name in axes[down]:
        _add(table, name, *(_shade(failed.get((name, other)), top) for other in axes[across]))
    return table


def _shade(failed: int | None, top: int) -> Text:
    if failed is None:
        return Text()
    return Text(
        _count(failed) if failed else "·", style="dim" if not failed else "bold red" if 2 * failed > top else "red"
    )


def _story(answer: Told) -> RenderableType:
    steps, before = Table.grid(padding=(0, 2)), 0
    for step in answer["story"]:
        if step.get("number", 0) > before + 1:
            _add(steps, Text("…"), Text(f"{_count(answer.get('left_out'))} left out", style="dim"))
        before = step.get("number", 0)
        sign, style = _STATES.get(step.get("status", ""), ("?", ""))
        error = step.get("error") or {}
        said = f"{_kind(error)} {_quoted(error.get('message'))}" if error else ""
        changed = ", ".join(_word(name) for name in step.get("changed", []))
        _add(steps, Text(sign, style=style), _at(step.get("created_at"), seconds=True), _word(step.get("operation_type")),
            Text(_word(step.get("status")), style=style), Text("; ".join(filter(None, (said, changed and f"differs in {changed}")))),
        )  # fmt: skip
    record = answer.get("record", {})
    ids = ", ".join(f"{name} {_word(value)}" for name, value in record.items() if name != "resource")
    told = answer.get("head", {})
    since = f", failing since {_at(told['first_failure_since'])}" if "first_failure_since" in told else ""
    head = f"{_word(record.get('resource'))}: {_word(answer.get('state')).replace('_', ' ')}"
    head += f"; {_count(told.get('failed'))} of {_count(told.get('writes'))} writes failed{since}"
    read = {"complete": answer.get("complete"), "note": answer.get("note")}
    return Group(Text(head, style="bold"), Text(ids, style="dim"), _asked(answer), _covered(read), Text(), steps)


def _head(answer: Told) -> list[RenderableType]:
    totals = answer.get("totals", {})
    failed = f"{_count(totals.get('failed'))} of {_count(totals.get('operations'))} operations failed"
    part = "" if answer.get("coverage", {}).get("complete", True) else " in the part that was read"
    first = Text.assemble((f"{failed}{part} ", "bold"), (_percent(totals.get("failure_rate")), "bold red"))
    return [first, _asked(answer), _covered(answer.get("coverage", {}))]


def _asked(answer: Told) -> Text:
    filters = ", ".join(f"{name}={_word(value)}" for name, value in answer.get("filters", {}).items())
    return Text(
        f"{_span(answer.get('window', {}))}{'; ' + filters if filters else ''}; as of {_at(answer.get('as_of'))}",
        style="dim",
    )


def _covered(coverage: Told) -> Text:
    note = f" {_word(coverage.get('note'), 600)}" if coverage.get("note") else ""
    scanned = f" {_count(coverage['scanned'])} operations." if "scanned" in coverage else ""
    if coverage.get("complete"):
        return Text.assemble(("Read whole.", "green"), f"{scanned}{note}")
    span = {"from_datetime": coverage.get("covered_from"), "to_datetime": coverage.get("covered_to")}
    covers = f" Covers {_span(span)}." if all(span.values()) else ""
    return Text.assemble(("NOT read whole.", "bold yellow"), f"{scanned}{covers}{note}")


def _timeline(timeline: Told) -> list[RenderableType]:
    buckets = timeline.get("buckets", [])
    if not buckets:
        return []
    failed, operations = ([bucket.get(name, 0) for bucket in buckets] for name in ("failed", "operations"))
    start, unit = _at(buckets[0].get("start")), _word(timeline.get("bucket"))
    return [
        Text.assemble(
            "failed     ", (_spark(failed), "red"), f"  at most {_count(max(failed))} in {unit}, from {start}"
        ),
        Text.assemble("operations ", (_spark(operations), "dim"), f"  at most {_count(max(operations))}"),
    ]


def _left(answer: Told) -> list[RenderableType]:
    other = answer.get("other", {})
    if other.get("rows"):
        return [
            Text(
                f"{_count(other['rows'])} more rows with {_count(other.get('failed'))} failures not shown.", style="dim"
            )
        ]
    before = other.get("before", 0)
    hidden = other.get("groups", 0) - before - len(other.get("largest", []))
    told = ((before, "causes up to from_group"), (hidden, "smaller causes"))
    return [Text(f"{_count(count)} {what} not shown.", style="dim") for count, what in told if count > 0]


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, head in enumerate(heads):
        left, whole = number == 0 or head in ("cause", "mostly", "", "over time"), head in ("", "over time")
        table.add_column(Text(head), justify="left" if left else "right", overflow="fold", no_wrap=whole)
    return table


def _add(table: Table, *cells: str | Text) -> None:
    """Add a row; a plain string would be read for markup, and some hold text of others."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))


def _cause(cause: Told, below: str = "") -> Text:
    return Text.assemble(
        (f"{_word(cause.get('source_name'))} ", "bold"),
        (f"{_kind(cause)} ".lstrip(), "dim"),
        _quoted(cause.get("title")),
        ("\n" + ", ".join(filter(None, (_word(cause.get("id")), below))), "dim"),
    )


def _kind(cause: Told) -> str:
    return " ".join(_word(cause[name]) for name in ("error_type", "status_code") if cause.get(name) is not None)


def _quoted(said: Any) -> str:
    return f"“{_word(said)}”" if said else ""


def _word(value: Any, most: int = 160) -> str:
    return (
        "" if value is None else one_line(", ".join(map(str, value)) if isinstance(value, list) else str(value), most)
    )


def _count(n: Any) -> str:
    return f"{n:,}" if isinstance(n, int) else "?"


def _percent(share: Any) -> str:
    if not isinstance(share, int | float):
        return "?"
    return "<0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"


def _wrong(unresolved: Any) -> Text:
    return Text(_count(unresolved), style="red" if unresolved else "green") if isinstance(unresolved, int) else Text()


def _at(moment: Any, *, seconds: bool = False) -> str:
    try:
        return f"{datetime.fromisoformat(str(moment)):%d %b %H:%M{':%S' if seconds else ''}}"
    except ValueError:
        return _word(moment, 40)


def _span(window: Told) -> str:
    return f"{_at(window.get('from_datetime'))} to {_at(window.get('to_datetime'))} UTC"


def _spark(counts: Iterable[int]) -> str:
    numbers = list(counts)
    top = max(numbers, default=0) or 1
    return "".join(_LEVELS[-(-number * (len(_LEVELS) - 1) // top)] if number else " " for number in numbers)


def _bar(value: float, top: float, style: str) -> Text:
    length = max(1, round(_BAR * value / top)) if value and top else 0
    return Text("█" * length or "·", style=style)
