"""Text from outside, made safe to show: one line, bounded, without control characters, credentials and personal data masked."""

import unicodedata

from ..masking import mask_personal, mask_secrets

LONGEST = 160
"""Characters of a TSP's message that are shown."""


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return `text` as one printable line of at most `longest` characters, the cut marked with an ellipsis.

    Control, format and bidirectional characters go: they can hide or reorder what a reader sees.
    """
    text = text[: longest * 8]
    if not text.isprintable():  # most text is, and looking each character up costs
        text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def shown(text: str, personal: bool, longest: int = LONGEST) -> str:
    """Return TSP text as it may be shown. Masking comes before the cut, which could leave half an address."""
    cleaned = mask_secrets(one_line(text, longest=max(4 * longest, 2000)))
    return one_line(cleaned if personal else mask_personal(cleaned), longest)


def fenced(text: str) -> str:
    """Quote text from outside so that it cannot be taken for ours."""
    return "«" + text.replace("«", "‹").replace("»", "›") + "»"
