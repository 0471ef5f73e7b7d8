"""Take apart what is no JSON: pages and XML answers, stack traces, and sentences."""

import re
from html import unescape
from typing import NamedTuple

from .keys import codes
from .masks import canonical, masked, unitless

LONGEST_MARKUP = 16_384
LONGEST_MESSAGE = 400
SHORT_TITLE = 24
"""A page whose titles are shorter than this has its first paragraphs read too."""

_FRAME = re.compile(
    r"^[ \t]{0,40}(?:at [\w$.<>/]{1,300} ?\(|at [\w$.<>`\[\], ]{1,300} in |at \S{1,300}:\d+|File \"|\.\.\. \d+ more|goroutine \d+"
    r"|--- End of|#\d+ |from \S{1,300}:\d+|\S{1,300}\.(?:rb|go|py|php|js|ts|java):\d+|[Ss]tack ?trace:?$)",
    re.M,
)
_ONE_LINE_FRAMES = re.compile(r"\s+at [\w$.<>]{2,200}\([\w$.]{1,80}(?::\d+)?\)(?=\s+at |\s*$)")
_CLIENT = re.compile(r"""([1-5]\d\d), message=(['"])(.{1,400}?)\2, url=""")
"""How a client of Python tells the answer: its status, and what the other side said."""

_PYTHON_TRACE = re.compile(r"^Traceback \(most recent call last\):", re.M)
_CAUSED_BY = re.compile(r"^[ \t]{0,9}Caused by: ([^\n]{1,400})", re.M)
_TAG_BLOCKS = re.compile(r"<(script|style)\b[^>]{0,500}>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.I | re.S)
_TITLES = re.compile(
    r"<(?:\w+:)?(title|h1|h2|fault-?code|fault-?string|code|value|message|error_?code|error_?message|error|detail|reason|text|"
    r"description|status|exception)\b[^>]{0,500}>([^<]{1,2000})</",
    re.I,
)
_CODED = re.compile(r"code$|^value$|^exception$")
_CODE_ATTRIBUTE = re.compile(r"""\b(?:error|fault|result)?_?code=["']([^"'\s]{1,40})["']""", re.I)
_SERVER_LINE = re.compile(r"<hr\b", re.I)
"""Behind it servers and proxies write their name and version."""

_PARAGRAPHS = re.compile(r"<(?:p|h3|h4|b|pre|blockquote|td|center)\b[^>]{0,200}>([^<]{8,600})<", re.I)
_TAGS = re.compile(r"<[^<>]{1,500}>")
_STATUS = re.compile(r"(?<![\w.:-])[1-5]\d\d(?![\w.-])")
_STATUS_MARK = "httpstatus"


class Body(NamedTuple):
    """`atoms` are `key=value` where the value is kept to the letter, `key~text` where it is a masked text.

    `line` is the sentence with holes; `cut` tells of a body that ends in the middle.
    """

    atoms: tuple[str, ...]
    sentence: str
    line: str
    names: tuple[str, ...] = ()
    cut: bool = False


def of_markup(body: str) -> Body:
    """Return a page or an XML answer taken apart: its titles and fault, its prose where they are bare."""
    bare = _SERVER_LINE.split(body[:LONGEST_MARKUP], maxsplit=1)[0]
    if "!--" in bare or "</s" in bare or "</S" in bare:
        bare = _TAG_BLOCKS.sub(" ", bare)
    found = [(tag.lower(), text) for tag, raw in _TITLES.findall(bare) if (text := _read(raw))]
    coded = {text for tag, text in found if _CODED.search(tag) and codes("code", text)}
    said = list(dict.fromkeys(text for _, text in found))
    if sum(map(len, said)) < SHORT_TITLE:
        more = [text for raw in _PARAGRAPHS.findall(bare) if (text := " ".join(raw.split())) and text not in said]
        said += more[:2]
    if said and sum(map(len, said)) < SHORT_TITLE:
        rest = " ".join(_TAGS.sub(" ", _TITLES.sub("<", bare)).split())
        said += [rest[:LONGEST_MESSAGE]] if " " in rest else []
    message = "; ".join(said) or " ".join(_TAGS.sub(" ", bare).split())
    message = message[:LONGEST_MESSAGE] or "markup without text"
    told = _page("; ".join(text for text in said if text not in coded)[:LONGEST_MESSAGE] or message)
    named = [text.rpartition(":")[2] for text in coded]  # the prefix of a name space is the writer's choice
    atoms = {f"code={text}" for text in [*named, *_attributes(bare)] if codes("code", text)}
    pieces = told.split("; ")
    return Body((*sorted(atoms), f"~{canonical(told)}"), message, next((p for p in pieces if " " in p), pieces[0]))


def _read(raw: str) -> str:
    """Return the text of an element as one line, its stack trace left behind."""
    return " ".join(without_trace(unescape(raw) if "&" in raw else raw).split())


def _attributes(bare: str) -> list[str]:
    """Return the codes that stand in attributes."""
    return _CODE_ATTRIBUTE.findall(bare) if "ode=" in bare else []


def _page(message: str) -> str:
    """Mask the text of a page, where three digits alone are the status that it tells."""
    line = masked(_STATUS.sub(_STATUS_MARK, message))
    for status in _STATUS.findall(message):
        line = line.replace(_STATUS_MARK, status, 1)
    return unitless(line)


def of_text(body: str) -> Body:
    """Return a sentence taken apart, its stack trace left behind."""
    if client := _CLIENT.match(body):
        line = unitless(masked(client[3]))
        return Body((f"code={client[1]}", f"~{canonical(line)}"), " ".join(body.split())[:LONGEST_MESSAGE], line)
    message = " ".join(_spread(without_trace(body)).split())[:LONGEST_MESSAGE]
    line = unitless(masked(message))
    return Body((f"~{canonical(line)}",), message, line)


def _spread(body: str) -> str:
    """Return a row of values between commas as words, which a comma without a space would hide."""
    return body.replace(",", ", ") if body.count(",") > 2 and ", " not in body else body


def without_trace(body: str) -> str:
    """Return a text without its stack trace: the first words, and the last cause a trace names."""
    if "\n" not in body:
        frames = _ONE_LINE_FRAMES.search(body) if " at " in body else None
        return body[: frames.start()] if frames and frames.start() else body
    if _PYTHON_TRACE.search(body):
        return next(line.strip() for line in reversed(body.splitlines()) if line.strip())
    frame = _FRAME.search(body)
    if not frame or not body[: frame.start()].strip():
        return body
    cause = _CAUSED_BY.findall(body, frame.start())
    return body[: frame.start()].strip() + (f" Caused by: {cause[-1].strip()}" if cause else "")
