"""Time the masking of credentials and personal data on typical messages, against three patterns for e-mail, phone and licence.

Those three are what an earlier version masked, and about the least that masking can cost. Both are measured in turn, each
text for itself; what counts is the median over the texts of a kind, and the ratio.
"""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.masking import mask_personal, mask_secrets

ROUNDS, REPEATS = 15, 100
GOALS = {"without digits": 3.0, "with digits": 30.0}
"""Microseconds a text, at the median."""

_EMAIL = re.compile(r"\w[\w.+'-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63})*", re.ASCII)
_LICENCE = re.compile(
    r"(\blicen[cs]e(?: number)?[:=#]?\s{0,3})(?=[A-Z0-9-]{0,20}\d)[A-Z0-9][A-Z0-9-]{3,20}", re.I | re.A
)
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+\d{1,3}[\s.-]?)?(?:\(\d{2,4}\)[\s.-]?\d{3,4}[\s.-]\d{3,4}|\d{3}[\s.-]\d{3}[\s.-]\d{4})(?![\w-])"
    r"|(?<![\w.])\+\d[\d\s().-]{6,18}\d(?!\w)|(?<![\w.-])1?[2-9]\d{2}[2-9]\d{6}(?![\w-])",
    re.A,
)

TEXTS = {
    "without digits": [
        "Invalid token",
        "Too many requests, try again later",
        "Connection timed out",
        "Invalid value for driverActivationStatus. Can only be 'active' or 'deactivated'",
        "Username is already taken by another driver of this organization",
        "Driver is assigned to another terminal, ask the fleet to move the driver first",
        "Incorrect login credentials",
        "A vehicle with this name already exists: Night Train",
        "Service Temporarily Unavailable",
        "The field externalIds must be an object whose values are text",
    ],
    "with digits": [
        "Vehicle 281474976710656 not found",
        "api.edge8.tsp.example | 502: Bad gateway",
        "Rate limit of 96637 requests per minute reached for Acme Logistics",
        "Password policy requires at least 8 characters for driver 5521",
        "The access token expired at 2026-08-14T02:22:20.057Z",
        "Operation 019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90 failed with 504 after 30000 ms",
        "insert or update on table fleet_trip violates a foreign key (14270 is not present)",
        "Batch caba50c8-df3c-49da-9f8c-452cdc01ebf2 failed at item 17 of 200",
        "Username may hold neither spaces nor 2 dots in a row: driver.. 12",
        "Unit 4471 of terminal 12 has no device since 23.11.2026 10:30",
    ],
    "JSON": [
        '{"message":"Vehicle not found","code":404,"requestId":"e8480c7e-28d1-45f1-8840-c2d64f7aed34"}',
        '{"errors":[{"field":"name","code":"DUPLICATE","message":"A vehicle named TRK 15 already exists"}]}',
        '{"error":"invalid_token","error_description":"The access token expired at 2026-08-14T02:22:20Z"}',
        '{"type":"about:blank","title":"Error","status":409,"detail":"Unit 17 is archived","instance":"/v2/vehicles/17"}',
        '{"message":"Rate limit reached","retryAfter":8,"limit":96637}',
    ],
    "masked": [
        "User 'jo.smith@fleet.example' already exists",
        "+49 170 1234567 is not a phone number",
        "licenceNumber: D1234567 is taken",
        "Key (email)=(jo@fleet.example) already exists.",
        "Vehicle with VIN 1HGCM82633A004352 already exists (id 3263154)",
    ],
}


def three_patterns(text: str) -> str:
    """Mask as an earlier version did."""
    if "@" in text:
        text = _EMAIL.sub("<email>", text)
    if not any(c.isdigit() for c in text):
        return text
    return _PHONE.sub("<phone>", _LICENCE.sub(r"\1<licence>", text))


def both(text: str) -> str:
    """Mask as a message is masked that is shown."""
    return mask_personal(mask_secrets(text))


def timed(mask: Callable[[str], str], text: str) -> float:
    """Return microseconds of CPU a call."""
    began = time.process_time()
    for _ in range(REPEATS):
        mask(text)
    return (time.process_time() - began) / REPEATS * 1e6


def main() -> None:
    """Print a line for each kind of text."""
    print(
        f"{'microseconds a text, median':<28}{'three patterns':>16}{'secrets':>10}{'personal':>10}{'both':>8}{'ratio':>8}"
    )
    for kind, texts in TEXTS.items():
        took: list[list[float]] = [[], [], [], []]
        for text in texts:
            rounds = [
                [timed(mask, text) for mask in (three_patterns, mask_secrets, mask_personal, both)]
                for _ in range(ROUNDS)
            ]
            for i, times in enumerate(zip(*rounds, strict=True)):
                took[i].append(median(times))
        before, secrets, personal, now = map(median, took)
        goal = GOALS.get(kind)
        verdict = (
            "" if goal is None else f"   goal <= {goal:g} each: {'ok' if max(secrets, personal) <= goal else 'OVER'}"
        )
        print(f"{kind:<28}{before:>16.1f}{secrets:>10.1f}{personal:>10.1f}{now:>8.1f}{now / before:>8.1f}{verdict}")


if __name__ == "__main__":
    main()
