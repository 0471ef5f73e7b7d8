"""Text from outside, made safe to show: one line, bounded, without control characters, personal data masked."""

import re
import unicodedata

LONGEST = 160
"""Characters of a TSP's message that are shown."""

_EMAIL = re.compile(r"\w[\w.+'-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63})*", re.ASCII)
# A licence number is only known by the word before it: "license number: D1234567", "licenceNo=AB-12 34".
_LICENCE = re.compile(
    r"(\b(?:driver'?s?[\s_-]?)?licen[cs]e(?:[\s_-]?(?:number|num|no|nr|id|#))?\b['\"]?\.?\s{0,3}[:=#]?\s{0,3}['\"]?)"
    r"(?=[A-Z0-9-]{0,20}\d)([A-Z0-9][A-Z0-9-]{3,20})",
    re.IGNORECASE | re.ASCII,
)
# Either an international or punctuated number, or ten digits that follow the North American plan.
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+\d{1,3}[\s.-]?)?(?:\(\d{2,4}\)[\s.-]?\d{3,4}[\s.-]\d{3,4}|\d{3}[\s.-]\d{3}[\s.-]\d{4})(?![\w-])"
    r"|(?<![\w.])\+\d[\d\s().-]{6,18}\d(?!\w)"
    r"|(?<![\w.-])1?[2-9]\d{2}[2-9]\d{6}(?![\w-])"
    r"|(?:(?<=phone)|(?<=mobile)|(?<=cell)|(?<=tel))\w{0,8}['\"]?\s{0,2}[:=.]?\s{0,2}['\"]?\d[\d\s().-]{5,18}\d(?!\w)",
    re.IGNORECASE | re.ASCII,
)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return `text` as one printable line of at most `longest` characters, the cut marked with an ellipsis.

    Control, format and bidirectional characters go: they can hide or reorder what a reader sees.
    """
    text = text[: longest * 8]
    if not text.isprintable():  # most text is, and looking each character up costs
        text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def mask_personal(text: str) -> str:
    """Replace e-mail addresses, licence numbers and phone numbers."""
    if "@" in text:
        text = _EMAIL.sub("<email>", text)
    if not any(c.isdigit() for c in text):
        return text
    return _PHONE.sub("<phone>", _LICENCE.sub(r"\1<licence>", text))


def shown(text: str, personal: bool, longest: int = LONGEST) -> str:
    """Return TSP text as it may be shown. Masking comes before the cut, which could leave half an address."""
    cleaned = one_line(text, longest=max(4 * longest, 2000))
    return one_line(cleaned if personal else mask_personal(cleaned), longest)


def fenced(text: str) -> str:
    """Quote text from outside so that it cannot be taken for ours."""
    return "«" + text.replace("«", "‹").replace("»", "›") + "»"
