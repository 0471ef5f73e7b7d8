"""Titles: the message's own words, as a person would say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.causes.signatures import signature_of
from server.causes.titles import LONGEST_TITLE, title_of


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("<html><head><title>api.acme.com | 502: Bad gateway</title></head></html>", "Bad gateway"),
        ('{"errors":{"email":["has already been taken"]}}', "email has already been taken"),
        ('{"errors":{"email":["The email field is required."]},"title":"One or more errors."}', "The email field is required"),
        ('{"detail":[{"loc":["body","items",3,"device_id"],"msg":"Field required"}]}', "device_id: Field required"),
        ("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", "Request has expired"),
        ('{"message":"Not allowed","code":"FORBIDDEN"}', "Not allowed [FORBIDDEN]"),
        ("OAuth2 client 9f8e7d of db-1.acme.com is not known", "OAuth2 client … of … is not known"),
        ("Vehicle with VIN 1FUJGLDR9CLBP8834 already exists (id 7731)", "Vehicle with VIN … already exists"),
        ("Rate limit of this account exceeded. Retry after 30 seconds, or ask for a higher limit at https://acme.com/limits",
         "Rate limit of this account exceeded"),
        ("Rate limit exceeded. Retry after 30 s", "Rate limit exceeded"),
        ("httpx.ConnectTimeout: [Errno 110] Connection timed out", "Connection timed out"),
        ("dial tcp 10.1.2.3:443: connect: connection refused", "connection refused"),
        ("rpc error: code = Unknown desc = connection refused", "connection refused"),
        ('ERROR: duplicate key value violates unique constraint "devices_imei_key"\nDETAIL: Key (imei)=(53) already exists.',
         'duplicate key value violates unique constraint "devices_imei_key"'),
        ("PoolError(host='api.acme.com'): Max retries exceeded with url: /a/1 (Caused by SSLError('<x at 0x7f>: certificate expired'))",
         "certificate expired"),
        ("acme.NotFound: null", "acme.NotFound: null"),
        ("", "no message"),
    ],
)  # fmt: skip
def test_a_title_is_what_a_person_would_call_it(body: str, title: str) -> None:
    assert signature_of(body).title == title


@given(st.text(max_size=300), st.lists(st.text(max_size=70), max_size=3))
def test_a_title_is_bounded_and_never_empty(line: str, names: list[str]) -> None:
    title = title_of(line, tuple(names), frozenset(names[:1]))
    assert title.strip()
    assert len(title) <= LONGEST_TITLE
