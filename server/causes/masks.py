"""Hide what may vary in a sentence (ids, numbers, times, addresses, names in quotes), and nothing that tells a cause."""

import re
from functools import lru_cache
from itertools import pairwise

from .quotes import FIELD, HOST, QUOTED, names_a_cause, names_a_value
from .words import SMALL, TELLING

HOLE = "<*>"
GAP = "\x00"
"""What stands for that which varies: between the texts of one signature, and in the frame of many."""

LONGEST_TEXT = 2_000
LENGTH_OF_VIN = 17
SHORTEST_KEY = 16
LONGEST_KNOWN = 64
MOST_KNOWN = 20_000

# Words with a digit that mean something, however often they occur.
_TERMS = frozenset(
    "oauth2 oauth1 utf-8 utf8 utf-16 base64 sha1 sha256 sha-256 sha512 md5 ipv4 ipv6 http/1.0 http/1.1 http/2 x509 x.509 "
    "s3 ec2 iso8601 iso-8601 iso3166 rfc3339 rfc-3339 rfc2822 rfc7807 2fa h2 tlsv1 tlsv1.2 tlsv1.3 i18n k8s "
    "socks4 socks5 e164 e.164 3des aes256 p2p b2b eld2 obd2 log4j tier1 level1 level2 int32 int64 uint32 uint64 float64 "
    "utf8mb4 win32 arm64 amd64 x64 x86".split()
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Sept Oct Nov Dec January February March April June July August September"
_DAYS = "Mon Tue Wed Thu Fri Sat Sun Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_DATES = frozenset(
    word + end
    for word in f"{_MONTHS} October November December {_DAYS} UTC GMT AM PM am pm a.m. p.m. EST CET".split()
    for end in ("", ",", ".")
)
_CODED = frozenset("errno code http sqlstate errorcode error_code".split())
_ERROR = frozenset("error err fault exception fehler erreur".split())
_METHODS = frozenset("GET POST PUT PATCH DELETE HEAD OPTIONS".split())

_QUOTES = re.compile(r"[\"'`“„]")
# Most words with a digit: a number, a time, an id, an address, with what stands around it.
_SIMPLE = re.compile(
    r"""([(\[{<'"]*+)((?!\w*\.\.)(?:[\w+-][\w.+%-]*@[\w.-]*[\w-]|(?=[^\d\s]*\d|(?:[0-9a-fA-F]{2}:){3})[+-]?[0-9a-fA-F]+(?:[:.,-][0-9a-fA-F]+)+[%Z]?|"""
    r"""[0-9-]{8,10}T[0-9:.]+(?:Z|[+-][0-9:]+)?|(?=[A-Za-z_.+-]*[0-9])[A-Za-z0-9_+-](?:[A-Za-z0-9_.+%-]*[A-Za-z0-9_%])?))"""
    r"""([)\]}>'".,;:!?]*)"""
)
_VIN = re.compile(r"([(\[{<'\"]*)[A-HJ-NPR-Z0-9]{17}([)\]}>'\".,;:!?]*)")
_SEGMENT = re.compile(r"[^()\[\]{}=:,;|\"'<>#]*[\d@\\][^()\[\]{}=:,;|\"'<>#]*")
DENSE = re.compile(r"[\u2e80-\U0003ffff]")
_DENSE_SEGMENT = re.compile(r"[!-~]*\d[!-~]*")
_ADDRESS = re.compile(r"""[(\[{<'"]*(?:[A-Za-z_.]+[=:])?((?:[a-z]{2,8}://|/|\\\\)\S+?)[)\]}>'",;:.]*""")
_HOST_PORT = re.compile(
    r"[(\[<]?(?:[\w-]+\.)+(?!(?:java|c|py|js|go|rb|php|cs|cpp|ts|h|rs):)[a-z]{2,10}:\d{2,5}[)\]>]?[.,;:]?"
)
_CLOSING = re.compile(r"[)\]}>'\".,;:!?]*$")
_CODE = re.compile(r"[\[(]?-?(?:\d{1,6}|[A-Z]{1,5}-?\d{1,6}|[0-9A-Z]{5})[)\]]?[.,;:]?")
_LEADING_CODE = re.compile(r"\[?[A-Z]{1,8}[-_]?\d{2,6}\]?:?")
_SET_CODE = re.compile(r"(?:code|errno)[=:]\"?-?\d{1,6}\b|sqlstate[\[=:]\w{5}\b", re.I)
_PATH = re.compile(r"(?!\w/\w{1,2}\b(?!/))[\w.-]+(?:/[\w.-]+)+/?")
_SET_HOST = re.compile(
    r"([(\[]?[\w.-]*(?:host|hostname|addr|address|server|peer|ip)=)[^\s=\"'()\[\]{},;]+([)\]},;]*)", re.I
)
_NESTED = re.compile(r"\w(?:Error|Exception|Fault|Timeout)\($")
"""Before what an exception says that another one quotes."""

_NAMED_HOST = re.compile(r"((?:[A-Za-z]+:)?)(?:\*\.)?([\w.-]+)([.,;]?)")
_FIELD_PATH = re.compile(r"[A-Za-z_]\w*(?:/[A-Za-z_]\w*){1,3}")
_SAID_OF = re.compile(r" (?:must|is|are|has|have|should|cannot|can't|needs|may) ")
"""Behind the path of a field, at the beginning of a sentence."""

_FUSED = re.compile(r"<\*>(?:[\s,;:/.|#+-]*<\*>)+")
_UNITS = re.compile(
    r"<\*> ?(?:ms|msecs?|milliseconds?|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?|weeks?|months?|bytes?|[kKMGT]?i?[bB]|"
    r"km|mi|miles?|mph|kph|km/h|meters?|metres?|feet|ft|%)(?![\w/])"
)
# A licence plate comes in parts: behind its digits letters, before them letters with a dash.
_PLATE = re.compile(r"(?:\b[A-Z]{1,3}-[A-Z]{1,2} )?<\*>(?: ([A-Z]{1,3})(?![\w-]))?")
_PLATED = re.compile(r"<\*> [A-Z]{1,3}\b|[A-Z]-[A-Z]{1,2} <\*>")
_METHOD = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|Get|Post|Put|Patch|Delete) (?=[\"']?https?://)")
_VALUES = re.compile(r"(?<=\)=\()[^()]+(?=\))|(?<=value is \()[^()]+(?=\))|(?<=\(SQL: )\S.*(?=\))")
"""What databases quote: the values of a key, the statement."""

_TOKEN_MARK = re.compile(
    r"(?<=[Uu]nexpected token )[\"'`]?[^\w\s<\"'`][\"'`]?(?=[ ,;:]|$)|(?<=[Uu]nexpected token )[\"'`]?<[\"'`]?(?=[ ,;:]|$)|(?<=[Uu]nexpected token )\w(?=[ ,;:]|$)"
)
"""What a parser met: any mark or letter."""

_LETTERS = re.compile(r"(?:[^\W\d_]{1,15} )*[^\W\d_]{1,15}[.!]?")
"""Short words and nothing else hold nothing that may vary by its shape."""

_RESTATED = re.compile(r"<\*> \((?:<\*>)?\)")

_known: dict[str, str] = {}


def masked(text: str) -> str:
    """Return `text` with a hole for each part that may vary: quoted values, ids, numbers, addresses, paths."""
    text = text[:LONGEST_TEXT]
    if _LETTERS.fullmatch(text):
        return text
    if "token " in text:
        text = _TOKEN_MARK.sub(HOLE, text)
    if "://" in text:
        text = _METHOD.sub("", text)
    if _QUOTES.search(text):
        text = QUOTED.sub(_quotation, text)
    if ")=(" in text or "value is (" in text or "(SQL: " in text:
        text = _VALUES.sub(HOLE, text)
    kept: list[str] = []
    before, holes = "", 0
    for word in text.split():
        plain = _known.get(word)
        if plain is None:
            if word in _DATES:
                if kept and kept[-1].endswith(HOLE):
                    continue
                plain = word
            elif (plain := _word(word)) != word:
                plain = _in_place(word, plain, before, len(kept), text)
                holes += 1
                while plain.startswith(HOLE) and kept and (named := kept[-1].lstrip("[(")) in _DATES:
                    plain = kept.pop().removesuffix(named) + plain
        before = word
        kept.append(plain)
    line = " ".join(kept)
    if holes and _PLATED.search(line):
        line = _PLATE.sub(_plate, line)
    return _FUSED.sub(HOLE, line) if holes > 1 else line


def _plate(match: re.Match[str]) -> str:
    """Hide the letters of a plate, and keep a word in capitals that means something."""
    word = match[1] or ""
    return f"{HOLE} {word}" if word in _METHODS or word.lower() in TELLING or word.lower() in SMALL else HOLE


def unitless(line: str) -> str:
    """Return a masked line without the unit of a number: a time-out of 1 minute is one of 90 s, 2048 bytes are 2 KB."""
    if HOLE in line:
        line = _UNITS.sub(HOLE, line)
        if "<*> (" in line:
            line = _RESTATED.sub(HOLE, line)
    return line


def canonical(line: str) -> str:
    """Return a masked line without the stop at its end."""
    return line.rstrip(". !")


def _in_place(word: str, plain: str, before: str, at: int, text: str) -> str:
    """Keep a number that is a code by where it stands: behind `code`, or before the sentence's colon."""
    if at == 0 and "/" in word and _FIELD_PATH.fullmatch(word) and _SAID_OF.match(text, len(word)):
        return word
    label = before.strip("[(:#=,.").lower()
    if (label in _CODED or (label in _ERROR and at == 1)) and _CODE.fullmatch(word):
        return word
    if (
        at == 0
        and _LEADING_CODE.fullmatch(word)
        and (word[-1] == ":" or word[0] == "[" or text.startswith(f"{word} - "))
    ):
        return word
    return plain


def _word(word: str) -> str:
    """Return a word with its variable parts hidden; words without any repeat, and are remembered."""
    if word.isalpha() and len(word) != LENGTH_OF_VIN:
        plain = HOLE if len(word) >= SHORTEST_KEY and _is_drawn(word) else word
    else:
        plain = _plain(word)
    if plain != word:
        return plain
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    if len(word) < LONGEST_KNOWN and word not in _DATES:
        _known[word] = word
    return word


def _is_drawn(word: str) -> bool:
    """Tell a key drawn from letters of both cases from words written together, which change case far less often."""
    changes = sum(a.isupper() != b.isupper() for a, b in pairwise(word))
    return 20 * changes >= 9 * len(word)


def _plain(word: str) -> str:
    if "**" in word:  # hidden by whoever wrote it
        return HOLE + _end(word)
    if simple := _SIMPLE.fullmatch(word):
        head, core, tail = simple.groups()
        return word if core.lower() in _TERMS else head + HOLE + tail
    if HOLE in word and not any(c.isdigit() for c in word):
        return word
    if vin := _VIN.fullmatch(word):
        return vin[1] + HOLE + vin[2]
    if DENSE.search(word):
        return _DENSE_SEGMENT.sub(HOLE, word)
    if (address := _ADDRESS.fullmatch(word)) and "/" in word:
        head, tail = word[: address.start(1)], word[address.end(1) :]
        return word if address[1].lower() in _TERMS else head + HOLE + tail
    if HOST.fullmatch(word) or _HOST_PORT.fullmatch(word):
        return HOLE + _end(word)
    if host := _SET_HOST.fullmatch(word):
        return host[1] + HOLE + host[2]
    if _SET_CODE.search(word) or word.strip("()[],.;:").lower() in _TERMS:
        return word
    if ":" in word and (named := _NAMED_HOST.fullmatch(word)) and HOST.fullmatch(named[2]):
        return named[1] + HOLE + named[3]
    label, dots, rest = word.rpartition("..")
    if dots and label.rstrip(".").isalpha():
        return label + dots + (_plain(rest) if rest else "")
    plain = _SEGMENT.sub(_segment, word)
    return _FUSED.sub(HOLE, _PATH.sub(HOLE, plain) if "/" in plain else plain)


def _segment(match: re.Match[str]) -> str:
    closing = _CLOSING.search(match[0])
    return HOLE + (closing[0] if closing else "")


def _end(word: str) -> str:
    closing = _CLOSING.search(word)
    return closing[0] if closing else ""


def _quotation(match: re.Match[str]) -> str:
    """Keep a quoted field, enum or sentence; hide any other quoted value."""
    value = match[match.lastindex or 0]
    if value == HOLE or not value.strip():
        return match[0]
    if _NESTED.search(match.string, max(0, match.start() - 24), match.start()):
        return f'"{masked(value)}"'
    if names_a_value(match) and " " not in value:
        return HOLE
    return match[0] if names_a_cause(match, value) else _inside(value)


def _inside(value: str) -> str:
    words = value.split()
    if words[0] in _METHODS or sum(word.islower() and word.isalpha() for word in words) > 2:
        return f'"{masked(value)}"'
    field = FIELD.fullmatch(value)
    if (
        field
        and len(words) == 1
        and not HOST.fullmatch(value)
        and ("[" in value or value.count(".") > 1)
        and not any(c in "@\\" for c in value)
    ):
        return "'" + re.sub(r"\d+", "#", value) + "'"
    return HOLE


@lru_cache(maxsize=8192)  # asked again by each question about the same failures
def varying(text: str) -> list[tuple[str, str]]:
    """Return the parts of `text` that `masked` hides, each with the word before it."""
    flat = " ".join(text[:LONGEST_TEXT].split())
    spans = [(m.start(), m.end(), m[m.lastindex or 0]) for m in QUOTED.finditer(flat) if _quotation(m) == HOLE]
    quoted = [(start, end) for start, end, _ in spans]
    for found in re.finditer(r"\S+", flat):
        if any(start < found.end() and found.start() < end for start, end in quoted) or found[0].isalpha():
            continue
        plain = _word(found[0])
        if HOLE in plain and plain != found[0]:
            head, _, tail = plain.partition(HOLE)
            tail = tail.rpartition(HOLE)[2]
            spans.append(
                (found.start() + len(head), found.end() - len(tail), found[0].removeprefix(head).removesuffix(tail))
            )
    return [(word_before(flat[:start]), value.strip("'\"`")) for start, _, value in sorted(spans)]


def word_before(before: str) -> str:
    """Return the word that names what stands behind `before`."""
    word = before.rstrip(" '\"=:([{<").rpartition(" ")[2].strip("'\"`.,:;()")
    return word if word.isalpha() else "value"
