"""Phone numbers as they are written in many countries."""

import re

# Nearly any eight or nine figures are somebody's number in some country, so the way of writing tells a number, not its figures.
_BETWEEN = r"[ \xa0\u202f./()\u2010-\u2015\u2212\uff0d-]{1,3}"
_CANDIDATE = re.compile(rf"\+?\(?\d{{1,15}}(?:{_BETWEEN}\d(?!\d))?(?:{_BETWEEN}\d{{2,14}}){{0,6}}")
_GROUP = re.compile(r"\d+")
_FEWEST_FIGURES = 8
_KEYED_BY_ID = re.compile(r"(?:id|ids|code|ref|key|trace|epoch|version|v)[\"']?\s?[:=#]?\s?[\"']?$", re.I)
_NORTH_AMERICAN = re.compile(r"1?[2-9]\d{2}[2-9]\d{6}")
# Figures in each group where no leading 0, bracket or + tells a number: America, Poland, Spain, Brazil, Mexico, India, Australia.
_GROUPINGS = frozenset(
    "3-3-4 1-3-3-4 2-3-2-2 3-2-2-2 2-5-4 2-4-4 3-4-4 3-7 3-6 2-7 3-3-2-2 2-8 2-3-4 3-2-3 2-2-2-2-2 2-2-2-3 2-5-5 4-3-3".split()
)
_BALTIC_GROUPINGS = frozenset("2-3-3 4-4 3-5 2-6 2-2-2-2".split())


def phone_end(text: str, at: int) -> int:
    """Return where the phone number ends that begins at `at`; 0 where none does."""
    if at and text[at - 1] in "-._/":
        return 0
    found = _CANDIDATE.match(text, at)
    if found is None or found.end() - at < _FEWEST_FIGURES:
        return 0
    groups = list(_GROUP.finditer(found[0]))
    for last in range(len(groups), 0, -1):
        end = at + groups[last - 1].end()
        if _written_as_phone(text, at, end, [group[0] for group in groups[:last]]):
            return end
    return 0


def _written_as_phone(text: str, at: int, end: int, groups: list[str]) -> bool:
    number, following = "".join(map(str, digits("".join(groups)))), text[end : end + 2]
    if not _FEWEST_FIGURES <= len(number) <= 15 or re.match(r"[^\W_]|[-_]\w", following):
        return False
    if text[at] == "+" or (number.startswith("00") and number[2] != "0" and len(number) > 10):
        return True
    if len(groups) == 1:
        bare = (number[0] == "0" and number[1] != "0" and 10 <= len(number) <= 12) or _NORTH_AMERICAN.fullmatch(number)
        return bool(bare) and not _KEYED_BY_ID.search(text, max(0, at - 20), at)
    if text[at] == "(":
        return len(groups[0]) <= 4 and len(number) <= 12
    if number[0] == "0":  # the trunk prefix, or Italy
        return number[1] != "0" and len(groups[0]) > 1 and len(number) <= 13 and (len(number) > 8 or len(groups) > 2)
    grouping = "-".join(str(len(group)) for group in groups)
    if grouping in _BALTIC_GROUPINGS:
        return number[0] in "26" and not number.endswith("000")
    if grouping == "3-3-3":
        return number[0] not in "01" and not number.endswith("000000")
    return grouping in _GROUPINGS or (grouping == "5-5" and number[0] in "6789")


def digits(text: str) -> list[int]:
    """Return the figures of a text, of any script."""
    return [int(c) for c in text if c.isdecimal()]
