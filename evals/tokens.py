"""Count what an answer costs a model (o200k)."""

import json
from functools import cache

from bpe_openai import Encoding, get_encoding


@cache
def _encoding() -> Encoding:
    return get_encoding("o200k_base")


def tokens(value: object) -> int:
    """Count the tokens of a text, or of a value as compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(_encoding().encode_ordinary(text))
