"""Bodies: what two programs could read differently, and what must never be kept, is refused."""

import contextlib
import json
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from vezne.kernel.body import (
    MAX_DEPTH,
    BodyNotJson,
    BodyTooDeep,
    BodyTooLarge,
    CardNumberRefused,
    FieldTwice,
    TextUnstorable,
    parse_json,
    read_body,
)
from vezne.kernel.errors import Refusal

pytestmark = pytest.mark.unit

VISA = "4242424242424242"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet='abcçğşı €"\\/\n\t', max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="abcdefgh_", max_size=8), inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@given(JSON)
def test_ordinary_json_is_read_as_it_was_written(value: object) -> None:
    try:
        assert parse_json(json.dumps(value).encode()) == value
        assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value
    except CardNumberRefused:
        assert any(char.isdigit() for char in json.dumps(value))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_but_never_crash(raw: bytes) -> None:
    try:
        parse_json(raw)
    except Refusal as refused:
        json.dumps({"detail": refused.detail, "errors": refused.errors()}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 01}',
        b'{"a": +1}',
        b'{"a": .5}',
        b'{"a": 0x10}',
        b'{"a": 1_000}',
        '{"a": １０}'.encode(),
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": ' + b"9" * 41 + b"}",
        b'{"a": ' + b"9" * 100_000 + b"}",
        b'{"a": "\x00"}',
        b'{"a": "\n"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xc0\xaf"}',
        b"// a comment\n{}",
    ],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BodyNotJson):
        parse_json(raw)


def test_a_field_that_stands_twice_is_refused_by_name() -> None:
    with pytest.raises(FieldTwice) as refused:
        parse_json(b'{"amount_minor": 1, "currency": "TRY", "amount_minor": 2}')
    assert "amount_minor" in refused.value.detail
    with pytest.raises(FieldTwice):
        parse_json(b'{"a": [{"b": 1, "\\u0062": 2}]}')


def test_many_fields_with_one_twice_are_refused_in_no_time() -> None:
    names = ",".join(f'"{number}":0' for number in range(30_000))
    started = time.perf_counter()
    with pytest.raises(FieldTwice):
        parse_json(f'{{{names},"29999":0}}'.encode())
    assert time.perf_counter() - started < 1


def test_deep_nesting_is_refused_however_deep() -> None:
    parse_json(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 2, 1_000, 100_000):
        with pytest.raises(BodyTooDeep):
            parse_json(nested(levels))


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\ud800", "\\udfff", "\\ud83d x"])
def test_text_that_cannot_be_stored_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(TextUnstorable) as refused:
        parse_json(f'{{"metadata": {{"note": "{text}"}}}}'.encode())
    assert refused.value.loc == ("body", "metadata", "note")


@pytest.mark.parametrize("name", ["\\u0000", "\\ud800"])
@pytest.mark.parametrize("body", ['{"%s": 1}', '{"%s": 1, "%s": 2}', '{"%s": "4242424242424242"}'])
def test_a_name_that_cannot_be_stored_is_refused_and_the_refusal_can_be_sent(name: str, body: str) -> None:
    with pytest.raises(TextUnstorable) as refused:
        parse_json(body.replace("%s", name).encode())
    json.dumps(refused.value.errors(), ensure_ascii=False).encode()


def test_a_whole_surrogate_pair_is_a_letter() -> None:
    assert parse_json(b'{"note": "\\ud83d\\ude00"}') == {"note": "😀"}


@pytest.mark.parametrize(
    "text",
    [
        VISA,
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        "4242  4242  4242  4242",
        "4242 - 4242 - 4242 - 4242",
        "4242\\t4242\\n4242 4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242–4242–4242–4242",
        "４２４２４２４２４２４２４２４２",
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "42\u200b42424242424242",
        "card 4242 4242 4242 4242 exp 12/29",
        "4242 4242 4242 4242 12/29 123",
        "4242424242424242 12 29 123",
        "1 4242 4242 4242 4242",
        "pan_4242424242424242",
        "card-4242424242424242",
        "(4242424242424242)",
        "4242424242424242,12/29",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3056930009020004",
        "36227206271667",
        "3566002020360505",
        "6200000000000005",
        "9792030394440796",
        "4000002500003155",
    ],
)
def test_a_card_number_is_refused_however_it_is_written(text: str) -> None:
    for body in (f'{{"note": "{text}"}}', f'{{"metadata": {{"note": ["x", "{text}"]}}}}'):
        with pytest.raises(CardNumberRefused) as refused:
            parse_json(body.encode())
        assert refused.value.loc is not None
        assert "note" in refused.value.loc
        assert text not in str(refused.value.errors())


@pytest.mark.parametrize(
    "raw", [b'{"a": 4242424242424242}', b'{"a": 4242424242424242.0}', b'{"a": 4.242424242424242e15}', b"4242424242424242"]
)
def test_a_card_number_as_a_number_is_refused(raw: bytes) -> None:
    with pytest.raises(CardNumberRefused):
        parse_json(raw)


@pytest.mark.parametrize("body", ['{"%s": 1}', '{"a": {"%s": 1}}', '{"%s": 1, "%s": 2}', '{"%s": "\\u0000"}'])
def test_a_card_number_as_a_name_is_refused_and_not_repeated(body: str) -> None:
    with pytest.raises(CardNumberRefused) as refused:
        parse_json(body.replace("%s", VISA).encode())
    assert VISA not in refused.value.detail + str(refused.value.errors())


@pytest.mark.parametrize(
    "text",
    [
        "+905551112233",
        "+90 555 111 22 33",
        "0090 (555) 111-22-33",
        "5551112233 5554445566",
        "4242424242424241",
        "2026-11-21T03:07:56.123456+00:00",
        "1763694476123",
        "192.168.100.200",
        "TR330006100519786457841326",
        "4f9c1d2e-4242-4242-8242-424242424242",
        "wal_01h455vb4pex5vsknk084sn02q",
        "d2d2424242424242424242d2",
        "414242424242424242424242",
        "10000000146",
        "12,500.00 TRY",
        "ORD-2026-000123456789",
        "978-605-06-1234-5",
    ],
)
def test_what_only_looks_a_little_like_a_card_number_is_taken(text: str) -> None:
    assert parse_json(json.dumps({"note": text}).encode()) == {"note": text}
    assert parse_json(json.dumps({"note": [text]}).encode()) == {"note": [text]}


@given(st.integers(1, 2**53 - 1))
def test_an_amount_is_never_taken_for_a_card_number(amount: int) -> None:
    for name in ("amount_minor", "low_balance_minor"):
        assert parse_json(json.dumps({"x": {name: amount}}).encode()) == {"x": {name: amount}}


@given(st.uuids())
def test_a_uuid_is_never_taken_for_a_card_number(value: object) -> None:
    assert parse_json(json.dumps({"a": [str(value)]}).encode()) == {"a": [str(value)]}


def test_a_quarter_megabyte_of_digits_is_read_in_no_time() -> None:
    for text in ("4" * 250_000, "4 " * 125_000, "7 4241 " * 35_000, "4" * 250_000 + "x", "4-" * 125_000 + "x", "４" * 80_000):
        started = time.perf_counter()
        with contextlib.suppress(CardNumberRefused):
            parse_json(json.dumps({"a": [text]}, ensure_ascii=False).encode())
        assert time.perf_counter() - started < 2


async def body_of(chunks: list[bytes], declared: bytes | None, limit: int) -> bytes:
    async def messages() -> AsyncIterator[Message]:
        for number, chunk in enumerate(chunks, 1):
            yield {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}

    arriving = messages()
    headers = [] if declared is None else [(b"content-length", declared)]
    return await read_body(Request({"type": "http", "headers": headers}, arriving.__anext__), limit)


async def test_a_body_within_the_limit_is_read_whole() -> None:
    assert await body_of([b"abc", b"de"], b"5", 5) == b"abcde"
    assert await body_of([b"abc", b"de"], None, 5) == b"abcde"


@pytest.mark.parametrize("declared", [None, b"1", b"6", b"x", b"\xb2", b"-1", b"9" * 30])
async def test_a_body_over_the_limit_is_refused_whatever_it_claims(declared: bytes | None) -> None:
    with pytest.raises(BodyTooLarge):
        await body_of([b"abc", b"def"], declared, 5)


async def test_a_body_that_declares_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        await body_of([], b"6", 5)


@pytest.mark.parametrize(
    "text", ["DE89 3704 0044 0532 0130 00", "to DE38 4000 0000 0000 0002 00 for you", "TR33 0006 1005 1978 6457 8413 26"]
)
def test_an_iban_in_groups_is_never_taken_for_a_card_number(text: str) -> None:
    assert parse_json(json.dumps({"iban": text}).encode()) == {"iban": text}


@pytest.mark.parametrize("text", ["DE00 4000 0000 0000 0002 00", "DE89 3704 0044 0532 0130 00 4242 4242 4242 4242"])
def test_a_card_number_is_not_hidden_by_the_beginning_of_an_iban(text: str) -> None:
    with pytest.raises(CardNumberRefused):
        parse_json(json.dumps({"iban": text}).encode())
