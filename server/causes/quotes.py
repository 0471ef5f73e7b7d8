"""Tell a quoted field, constant or name in a program, which tells a cause, from a quoted value, which does not."""

import re

from .words import FIELDS

_NAMES_A_FIELD = re.compile(
    r"(?:field|parameter|param|property|column|header|key|attribute|constraint|relation|table|enum"
    r"|argument|variable|reading|setting|the|for|option|scope|permission|type|feature|method|class)s?[ :=(]*$",
    re.I,
)
_NAMES_A_VALUE = re.compile(
    r"(?:\b(?:user|username|login|entry|value|got|found|named|called|account|client|tenant|host|server|customer|driver|owner"
    r"|database|db|workspace|company|organi[sz]ation|fleet|vehicle|trailer|device|by|recipient|sender|member|person|manager"
    r"|operator|dispatcher|contact|assignee|author|principal|employee|carrier|site|terminal|depot|location|yard|branch"
    r"|channel|team|group|queue|vhost|topic|exchange|bucket)|@)[ :=(]*$|host=$",
    re.I,
)
_IS_A_FIELD = re.compile(
    r"[ :]*(?:(?:is|are|was|field|parameter|property|column|attribute)\b[ ]?)?(?:also |a |not )*(?:required|missing|mandatory|"
    r"must|cannot|can't|can not|may not|should|shall|needs|has to|has already|is invalid|is not valid(?! [a-z])|field|"
    r"parameter|property|column|attribute|already taken|blank|empty|null)\b",
    re.I,
)
_IS_NO_VALID = re.compile(r" is not an? valid [a-z]")
_TLDS = "com|net|org|io|de|eu|fr|uk|us|ca|mx|br|es|it|nl|dev|app|cloud|local|internal|example|test|lan|corp"
# Any two letters end a name of three parts, but for what also ends the path of a field or a file.
_COUNTRY = "(?!id|no|in|at|is|to|me|my|by|as|py|js|go|rb|ts|cs|rs|db|ip|os|tz)[a-z]{2}"
HOST = re.compile(
    rf"[(\[<]?(?:(?:[a-z][a-z0-9-]{{0,62}}\.)+(?:{_TLDS})|(?:[a-z][a-z0-9-]{{0,62}}\.){{2,}}{_COUNTRY})[)\]>]?[.,;:]?"
)
FIELD = re.compile(r"[A-Za-z_$][\w.\[\]$/ -]{0,60}")
_WORDLIKE = re.compile(r"[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+|[A-Za-z]+(?:[_.:/][A-Za-z]+)+|[A-Z]{3,}(?:_[A-Z]+)*")
# A quotation, not the apostrophe of "can't". It begins with a set of characters, which the search is fast for.
QUOTED = re.compile(
    r"""["'`“„](?<!\w["'`“„])(?:(?<=")([^"]{1,200})"|(?<=')((?:[^']|(?<=\w)'(?=\w)){1,200}?)'(?!\w)"""
    r"""|(?<=`)([^`']{1,200})[`']|(?<=[“„])([^”“]{1,200})[”“])"""
)
_VARIABLE = re.compile(r"[0-9@\\]")


def names_a_cause(match: re.Match[str], value: str) -> bool:
    """Tell whether a quoted value is a field, a name in a program or a constant, and no value of the record."""
    if value[0] == "^" or value[-1] == "$":  # the form that was asked for
        return True
    if _VARIABLE.search(value) or HOST.fullmatch(value):
        return False
    before = match.string[max(0, match.start() - 24) : match.start()]
    if names_a_value(match) or _IS_NO_VALID.match(match.string, match.end()):
        return False
    if value in FIELDS or _WORDLIKE.fullmatch(value.removesuffix("()")):
        return True
    if not FIELD.fullmatch(value):
        return False
    return bool(_NAMES_A_FIELD.search(before) or _IS_A_FIELD.match(match.string, match.end()))


def names_a_value(match: re.Match[str]) -> bool:
    """Tell whether the word before a quotation is one that a value of the record follows."""
    return _NAMES_A_VALUE.search(match.string[max(0, match.start() - 24) : match.start()]) is not None
