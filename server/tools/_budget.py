"""How many tokens a text costs a model, estimated without a tokenizer, so that an answer fits its budget.

Modern tokenizers (o200k and its kin) split text at words, runs of up to three digits, and punctuation; short words are
one token each, other scripts about one a character. The estimate lies within a few percent of the count; tests compare them.
"""

import re

ANSWER = 18_000
"""Text and structured result of any answer together; the contract allows 20,000."""

SUMMARY_TEXT = 1_465
SUMMARY_STRUCTURED = 2_450
"""The contract allows 1,500 and 2,500."""

BREAKDOWN_TEXT = 1_350
"""The contract allows 1,500; names of TSPs and fleets, which fill its rows, cost more than the estimate takes words for."""

_PIECES = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|[^\x00-\x7f]|[^\w\s]{1,5}|_|\n+", re.ASCII)


def tokens(text: str) -> int:
    """Return about how many tokens `text` costs."""
    rare = 0 if text.isascii() else sum(c > "\uffff" for c in text)  # rare scripts and emoji cost about three each
    return len(_PIECES.findall(text)) + 2 * rare
