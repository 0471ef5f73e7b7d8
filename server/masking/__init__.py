"""Mask what must not be shown in text of others: credentials always, personal data unless a person asked for it.

A rule knows a value by its form (a check digit, a way of writing) or by the word before it. Names of people, places and
companies have neither, so they stay. Every pattern is bounded, and is built when a text first gives reason to use it.
"""

import re

from .credentials import mask_secrets
from .personal import mask_personal

__all__ = ["SAFE_HEADERS", "mask_personal", "mask_secrets", "safe_header"]

SAFE_HEADERS = frozenset(
    "activityid cf-ray content-type correlation-id date ratelimit request-id retry-after trace-id traceparent "
    "x-amz-cf-id x-amz-id-2 x-b3-spanid x-b3-traceid x-cloud-trace-context x-vercel-id".split()
)
"""Headers of a TSP's answer that may be shown: which request it was, when, and how many more are let through."""

_SAFE_HEADER = re.compile(r"(?:[a-z\d-]{0,40}-)?(?:request|correlation|trace)-?id|(?:x-)?rate-?limit-[a-z\d-]{1,40}")


def safe_header(name: str) -> bool:
    """Tell whether a header of this name, in any case, may be shown. Its value is still text of others: mask it too."""
    name = name.strip().lower()
    return name in SAFE_HEADERS or _SAFE_HEADER.fullmatch(name) is not None
