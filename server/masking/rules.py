"""What a rule is, and what all of them share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Rule:
    """What replaces a pattern in texts that hold one of the stems (lower case, "~" for a blank)."""

    stems: str
    source: str
    mask: str
    flags: re.RegexFlag = re.I | re.S

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source, self.flags)


class Rules:
    """Rules in the order they apply. A text without any stem, as most are, costs one look for each and no pattern."""

    def __init__(self, *rules: Rule) -> None:
        self._stems = [(stem.replace("~", " "), rule) for rule in rules for stem in rule.stems.split()]

    def applied(self, text: str, low: str) -> str:
        last = None
        for stem, rule in self._stems:
            if stem in low and rule is not last:
                last, text = rule, rule.pattern.sub(rule.mask, text)
        return text


_ROUNDS = 8


def settled(mask: Callable[[str], str], text: str) -> str:
    """Mask until nothing changes: what stood beside a masked value may be told only now that it is gone."""
    for _ in range(_ROUNDS):
        if (masked := mask(text)) == text:
            break
        text = masked
    return text


# Words of small letters between blanks and stops, as in most messages: no rule below finds anything in them.
PLAIN = re.compile(r"(?:(?:[A-Za-z][a-z]{0,14}+(?:[A-Z][a-z]{2,14}+){0,2}+|[A-Z]{2,4}+)(?:[ .,;!?]++|$))*+")

# A key does not stand inside one of our own masks, which look like the start of an XML element: an element has an end.
KEY = r"(?:(?<!<)|(?<=<)(?=[\w ]{2,40}>[^<>]{1,200}</))"
# A short word is a key only where a word begins, in camel case too.
EDGE = r"(?-i:(?<![A-Za-z])|(?<=[a-z\d])(?=[A-Z]))"
# A value ends where no letter or figure follows.
END = r"(?![^\W_])"
