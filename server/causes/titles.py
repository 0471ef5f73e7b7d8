"""Name a cause as a person would: the message's own words, without its wrapping and what varies in them."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from .masks import HOLE

LONGEST_TITLE = 80
SAYS_ENOUGH = 3
FEWEST_WORDS = 2
"""Words that must stay when a wrapping is taken off: what wraps a single word is part of what it says."""

# What libraries and servers put before a message: the name of an exception, a status, the step that met it.
_WRAPPING = re.compile(
    r"(?:[\w$]+\.)*\w*(?:Error|Exception|Fault|Timeout|Pool)(?:\([^()]*\))?: +"
    r"|[\w.$]+\((?:\w+=[^()=]{1,80},? ?)+\): +"
    r"|rpc error: code = \w+ desc = "
    r"|(?:dial|read|write|lookup) (?:tcp|udp)?[^:]*: +|(?:connect|read|write|error|fault|fatal|exception): +"
    r"|(?:Get|Post|Put|Patch|Delete) [\"']?<\*>[\"']?: +"
    r"|[1-5]\d\d(?: ?[-\u2013:])? +(?=[A-Za-z])"
    r"|<\*>\s*[|:\u2013\u2014-]+\s*(?=\w)",
    re.I,
)
_ERRNO = re.compile(r"\[(?:Errno -?(?:\d+|<\*>)|SSL: \w+)\] +")
_ASIDE = re.compile(r" +\([^()]*<\*>[^()]*\)(?=[.!]?$)")
_HOLES = re.compile(rf"[\"'(]?{re.escape(HOLE)}[\"')]?(?:,? [\"'(]?{re.escape(HOLE)}[\"')]?)*")
_SENTENCES = re.compile(r"(?<=[\w>)'\"][.;!?]) +(?=[A-Z<\"'(])| +(?=[A-Z]{4,}: )")
_CAUSED = ("Caused by", "--->", "-->")
_MAY_WRAP = frozenset("12345<")
_STOPS = (". ", "; ", "! ", "? ", ": ")
"""Without any of them there is no need to look closely."""

_CAUSE = re.compile(r"[:\s]*(?:[\w$.]+(?:\(|: )(?:<\*>, ?)?)*[\"']?(?:<[^:]*>: )?")
_QUOTING = "'\":() "
_TOLD_OF = re.compile(
    r"(?:has|have|is|are|was|were|must|may|can|cannot|can't|could|should|does|doesn't|already|not|needs|exceeds|too|"
    r"required|failed|contains)\b"
)
_PLAIN_WORD = re.compile(r"""(?<!\S)[.,;:!'"]*[^\W\d_]+[.,;:!'"]*(?!\S)""")
_NAMED = re.compile(
    r"(?:column|field|parameter|property|attribute|key|index|argument|constraint) [\"'`\[]?[A-Za-z_][\w.]{1,40}[\"'`\]]?"
)
_RULE = re.compile(r"\b(?:rule|constraint|index) [\[\"'`](\w*_\w+)[\]\"'`]")
_TITLE_HOLE = re.compile(rf"[\"']?(?:{re.escape(HOLE)}|…)")
_PATH_ENDS = re.compile(r"[A-Za-z][\w-]*(?=\W*$)")


@lru_cache(maxsize=4096)
def title_of(line: str, names: tuple[str, ...], fields: frozenset[str] = frozenset()) -> str:
    """Return a heading for a message with holes, `names` being the codes and fields that its body tells besides.

    A field that the words leave out is what they speak of, so it comes first. A code stands behind them, and only where
    they alone would say too little.
    """
    codes = [name for name in names if name not in fields]
    if _words(line) >= SAYS_ENOUGH:
        codes = []
    title = ""
    inner = _innermost(line)
    for part in (*inner, line, None):
        title = _of(_told(_unwrapped(_sentences(line)[0] if part is None else part), fields), codes)
        if len(title) <= LONGEST_TITLE:
            return _with_rule(title, line)
    named = _NAMED.findall(line)
    tail = f" {named[-1]}" if named and named[-1] not in title[: LONGEST_TITLE - 1] else ""
    cut = title[: LONGEST_TITLE - 1 - min(len(tail), LONGEST_TITLE // 2)]
    whole = (cut.rpartition(" ")[0] if " " in cut[LONGEST_TITLE // 3 :] else cut).rstrip(" ,;:…")
    return f"{whole}…{tail}"[:LONGEST_TITLE]


def _with_rule(title: str, line: str) -> str:
    """Add the rule of a database that a title leaves out."""
    rule = _RULE.search(line)
    if rule is None or rule[1] in title or len(title) + len(rule[1]) + 3 > LONGEST_TITLE:
        return title
    return f"{title} [{rule[1]}]"


def _sentences(line: str) -> list[str]:
    return _SENTENCES.split(line) if any(stop in line for stop in _STOPS) else [line]


def _words(line: str) -> int:
    return len(_PLAIN_WORD.findall(line))


def _unwrapped(line: str) -> str:
    """Take off what wraps a message, layer by layer, as long as words of it stay."""
    if "[" in line:
        line = _ERRNO.sub("", line)
    while (":" in line or line[:1] in _MAY_WRAP) and (wrapping := _WRAPPING.match(line)):
        rest = line[wrapping.end() :]
        if _words(rest) < FEWEST_WORDS:
            break
        line = rest
    if line.endswith((")", ").", ")!")):
        aside = _ASIDE.sub("", line)
        line = aside if _words(aside) >= FEWEST_WORDS else line
    first, *more = _sentences(line)
    varies = [HOLE in sentence and _words(sentence) < FEWEST_WORDS + 1 for sentence in more]
    return first if more and all(varies) and _words(first) >= FEWEST_WORDS else line


def _told(line: str, fields: Collection[str]) -> str:
    """Put the one field that a sentence speaks of before it, unless it names the field itself."""
    ends = [found[0] for field in fields if (found := _PATH_ENDS.search(field))]
    if len(ends) != 1 or not line:
        return line
    if ends[0].lower() in line.lower() and not _TITLE_HOLE.match(line):
        return line
    return f"{ends[0]} {line}" if _TOLD_OF.match(line) else f"{ends[0]}: {line}"


def _of(sentence: str, codes: Sequence[str]) -> str:
    title = (_HOLES.sub("…", sentence) if HOLE in sentence else sentence).strip().strip(" .;:,")
    told = next((code for code in codes if code[:1].isalpha() and " " not in code), codes[0] if codes else "")
    if not title.strip("…'\"()[]<>| .,;:-/"):
        return told.strip() or ("no words in the message" if title else "no message")
    return f"{title} [{told}]" if told and told not in title else title


def _innermost(line: str) -> tuple[str, ...]:
    """Return what the last cause says in an error that tells what it was caused by."""
    mark = next((mark for mark in _CAUSED if mark in line), "")
    if not mark:
        return ()
    _, caused, rest = line.rpartition(mark)
    said = _CAUSE.sub("", rest, count=1).strip(_QUOTING) if caused else ""
    if _words(said) < FEWEST_WORDS:
        return ()
    return (said + ")" * (said.count("(") - said.count(")")),)
