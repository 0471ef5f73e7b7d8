"""Values known by the way they are written: numbers with check digits, ids of states, VINs, bank accounts, coordinates."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .phones import digits, phone_end
from .rules import END

# Where a word with a digit among its first letters begins.
_STARTS = re.compile(r"(?<![^\W_])(?=[+(]{0,2}[^\W\d_]{0,6}\d|[A-Z]{2} \d)")
_WORD_END = re.compile(r"[^\W_]+|.", re.S)


def _luhn(text: str) -> bool:
    figures = digits(text)[::-1]
    return sum(figures[::2]) % 10 == -sum(sum(divmod(2 * d, 10)) for d in figures[1::2]) % 10


def _weighed(figures: list[int], weights: Sequence[int]) -> int:
    return sum(d * w for d, w in zip(figures, weights, strict=False))


def _is_card(text: str) -> bool:
    number = "".join(map(str, digits(text)))
    return _CARD_NUMBER.fullmatch(number) is not None and _luhn(number)


def _is_iban(text: str) -> bool:
    plain = "".join(c for c in text if c.isalnum()).upper()
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _is_cpf(text: str) -> bool:
    d = digits(text)
    checks = (_weighed(d, range(10, 1, -1)) * 10 % 11 % 10, _weighed(d, range(11, 1, -1)) * 10 % 11 % 10)
    return len(set(d)) > 1 and checks == (d[9], d[10])


def _is_pesel(d: list[int]) -> bool:
    month = 10 * d[2] + d[3]
    born = (1 <= month <= 12 or 21 <= month <= 32) and 1 <= 10 * d[4] + d[5] <= 31
    return born and -_weighed(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == d[10]


def _is_baltic(d: list[int]) -> bool:
    """Tell an Estonian or Lithuanian personal code: century, date, serial, check."""
    if not (1 <= d[0] <= 6 and 1 <= 10 * d[3] + d[4] <= 12 and 1 <= 10 * d[5] + d[6] <= 31):
        return False
    check = _weighed(d, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    return (check if check < 10 else _weighed(d, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10) == d[10]


def _is_dated(text: str) -> bool:
    """Tell whether six figures are a day, month and year in either order, as in Nordic and Latvian codes."""
    one, month, three = int(text[:2]), int(text[2:4]), int(text[4:6])
    return text.startswith("32") or (1 <= month <= 12 and (1 <= one <= 31 or 1 <= three <= 31))


def _is_dni(text: str) -> bool:
    number = int("".join(map(str, digits(text[:-1].translate(_NIE)))))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == text[-1]


def _is_nir(text: str) -> bool:
    d = "".join(map(str, digits(text)))
    return len(d) == 13 or 97 - int(d[:13]) % 97 == int(d[13:])


def _is_vin(text: str) -> bool:
    return text[-4:].isdecimal() and sum(c.isalpha() for c in text) > 2


_NIE = str.maketrans("XYZ", "012")
_CARD_NUMBER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
    r"|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6\d)\d{14}|7083\d{15}"
)
_IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH CR HR LI LV",
    22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
    26: "IS TR", 27: "BI DJ FR GR IT MC SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU",
    31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip


def _iban(length: int) -> str:
    fours, rest = divmod(length - 4, 4)
    spaced = rf"(?:[ -][a-z\d]{{4}}){{{fours}}}" + (rf"[ -][a-z\d]{{{rest}}}" if rest else "")
    return rf"(?:{_IBAN_LENGTHS[length].replace(' ', '|')})\d\d(?:[a-z\d]{{{length - 4}}}|{spaced})"


@dataclass(frozen=True)
class _Form:
    """A way of writing a value, what must hold of it besides, and its mask; without a mask it is known to be harmless."""

    mask: str
    source: str
    holds: Callable[[str], bool] | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)


_NUMBERS = (
    # Most numbers are short, and no letter or other number follows.
    _Form("", r"\d{1,8}(?![^\W_]|°|-[A-Z]|[ \xa0\u202f,;./()+\u2010-\u2015\u2212\uff0d-]{1,3}\d)"),
    _Form("", r"[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}" + END),
    _Form(
        "",
        r"(?:(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:(?:19|20)\d\d|\d\d(?= \d{1,2}:\d\d)))(?!\d)"
        r"(?:[T ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?: ?[+-]\d\d:?\d\d)?(?![-/.]?\d)",
    ),
    _Form("", r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}(?!\.?[\w-])"),
    _Form("<coordinates>", r"\d{1,3}\.\d{4,15}°?\s?[,; ]\s?[+-]?\d{1,3}\.\d{4,15}" + END),
    _Form("<coordinates>", r"\d{1,3}° ?\d{1,2}['\u2032] ?(?:\d{1,2}(?:\.\d{1,6})?[\"\u2033] ?)?[NSEWO]" + END),
    _Form("", r"(?:0|[1-9]\d{0,2})\.\d{4,15}(?![.\w-])"),
    _Form(
        "<card>",
        r"(?:\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,4})?|3[47]\d\d([ -])\d{6}\2\d{5}|3\d{3}([ -])\d{6}\3\d{4})"
        + END,
        _is_card,
    ),
    _Form("<card>", r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?!\d)", _is_card),
    _Form("<card>", r"\d{13,19}" + END, _is_card),
    _Form("<id>", r"\d{3}-\d\d-\d{4}(?![\w-])"),
    _Form("<id>", r"\d{3}\.\d{3}\.\d{3}-\d\d" + END, _is_cpf),
    _Form("<id>", r"\d{2}\.\d\d\.\d\d-\d{3}\.\d\d(?!\d)|756\.\d{4}\.\d{4}\.\d\d(?!\d)"),
    _Form("<id>", r"\d{6}(?:-\d{5}|-\d{4}|[-+A]\d{3}[\dA-Y])(?![\w-])", _is_dated),
    _Form("<id>", r"\d{3}([ -])\d{3}\1\d{3}(?![ -]?\w)", _luhn),
    _Form("<id>", r"[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?\d\d ?\d{3} ?\d{3}(?: ?\d\d)" + END, _is_nir),
    _Form("<id>", r"\d{8}-?[A-Z]" + END, _is_dni),
    _Form("<id>", r"\d{11}" + END, lambda text: _is_cpf(text) or _is_pesel(digits(text)) or _is_baltic(digits(text))),
)
_LETTERS = (
    _Form("", r"[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}" + END),
    _Form("<iban>", "(?i:" + "|".join(map(_iban, _IBAN_LENGTHS)) + ")" + END, _is_iban),
    _Form("<id>", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]" + END),
    _Form("<id>", r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]" + END),
    _Form("<id>", r"[A-Z]{4}\d{6}(?:[HMX][A-Z]{5}[A-Z\d]\d|[A-Z\d]{3})" + END),
    _Form("<id>", r"[XYZ]-?\d{7}-?[A-Z]" + END, _is_dni),
)
_VIN = _Form("<vin>", r"[A-HJ-NPR-Z\d]{17}" + END, _is_vin)


def without_forms(text: str) -> str:
    """Look at each word with digits in turn: the forms it may begin, then a phone number of any country."""
    parts, done, at = [], 0, 0
    while start := _STARTS.search(text, at):
        at = start.start()
        mask, end = _formed(text, at)
        if not end:
            end = _WORD_END.match(text, at).end()  # type: ignore[union-attr]  # a word starts here
        if mask:
            parts += [text[done:at], mask]
            done = end
        at = end
    return "".join(parts) + text[done:]


def _formed(text: str, at: int) -> tuple[str, int]:
    """Return the mask of the value that begins here and where it ends; 0 where none does."""
    first = text[at]
    for form in (*(_LETTERS if first.isalpha() else _NUMBERS), _VIN):
        if (found := form.pattern.match(text, at)) and (form.holds is None or form.holds(found[0])):
            return form.mask, found.end()
    end = 0 if first.isalpha() else phone_end(text, at)
    return ("<phone>" if end else ""), end
