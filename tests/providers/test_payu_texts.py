"""PayU's hashes against the published vectors and against what PayU's own SDKs get wrong; its amounts and names."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.kernel.ids import UnknownId, public_id
from vezne.kernel.money import MAX_MINOR, Money
from vezne.payments.providers import payu_texts as texts
from vezne.sandbox.payu import hashes

pytestmark = pytest.mark.unit

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("payu_vectors.json").read_text())["vectors"]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="|"), max_size=20)
FIELDS = st.fixed_dictionaries(
    dict.fromkeys(("key", "txnid", "amount", "productinfo", "firstname", "email", "status"), WORDS),
    optional=dict.fromkeys(("udf1", "udf2", "udf3", "udf4", "udf5"), WORDS),
)


def of_kinds(*kinds: str) -> Iterable[Any]:
    """The vectors of these kinds."""
    return [pytest.param(vector["input"], vector["expected"], id=vector["kind"]) for vector in VECTORS if vector["kind"] in kinds]


REQUESTS = of_kinds("request", "request_with_udf", "request_additional_charges_suffix")
ANSWERS = of_kinds("response_reverse_additionalCharges")


def test_every_published_vector_is_tried() -> None:
    tried = {
        "request",
        "request_with_udf",
        "request_additional_charges_suffix",
        "response_reverse_additionalCharges",
        "api_command",
    }
    assert {vector["kind"] for vector in VECTORS} == tried
    assert all(vector["source"] for vector in VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["kind"])
def test_a_vectors_hash_is_the_digest_of_its_text(vector: Mapping[str, str]) -> None:
    assert hashlib.sha512(vector["string_to_hash"].encode()).hexdigest() == vector["expected"]


@pytest.mark.parametrize(("fields", "expected"), REQUESTS)
def test_requests_are_signed_as_published(fields: Mapping[str, str], expected: str) -> None:
    assert texts.request_hash(fields, fields["salt"]) == expected
    assert hashes.of_request(fields, fields["salt"]) == expected


@pytest.mark.parametrize(("fields", "expected"), ANSWERS)
def test_answers_are_verified_as_published(fields: Mapping[str, str], expected: str) -> None:
    assert texts.reverse_hash_is_right({**fields, "hash": expected}, fields["salt"])
    assert texts.reverse_hash_is_right({**fields, "hash": expected.upper()}, fields["salt"])
    assert hashes.of_answer(fields, fields["salt"]) == expected


@pytest.mark.parametrize(("fields", "expected"), of_kinds("api_command"))
def test_commands_are_signed_as_published(fields: Mapping[str, str], expected: str) -> None:
    assert texts.command_hash(fields["key"], fields["command"], fields["var1"], fields["salt"]) == expected
    assert hashes.of_command(fields["key"], fields["command"], fields["var1"], fields["salt"]) == expected


ANSWER = {
    "key": "gtKFFx",
    "txnid": "T1",
    "amount": "10.00",
    "productinfo": "iPhone",
    "firstname": "Ashish",
    "email": "test@gmail.com",
    "status": "success",
    "udf1": "a",
    "udf5": "e",
}
SALT = "eCwWELxi"


def hashed(text: str) -> dict[str, str]:
    return {**ANSWER, "hash": hashlib.sha512(text.encode()).hexdigest()}


BACK = "e||||a|test@gmail.com|Ashish|iPhone|10.00|T1|gtKFFx"


def test_the_udfs_stand_in_reverse() -> None:
    assert texts.reverse_hash_is_right(hashed(f"{SALT}|success||||||{BACK}"), SALT)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{SALT}||||||{BACK}", id="without the status (payu-sdk 1.2.0)"),
        pytest.param(f"{SALT}|success|||||{BACK}", id="one reserved field too few"),
        pytest.param(f"{SALT}|success||||||a||||e|test@gmail.com|Ashish|iPhone|10.00|T1|gtKFFx", id="udfs not reversed"),
        pytest.param(f"{SALT}|success||||||{BACK.replace('10.00', '10')}", id="an amount that was reformatted"),
        pytest.param(f"undefined|{SALT}|success||||||{BACK}", id="charges that are undefined (payu-websdk 1.3.1)"),
        pytest.param(f"{SALT}|success||||||{BACK}|", id="one pipe more"),
        pytest.param(f"{SALT} |success||||||{BACK}", id="another salt"),
        pytest.param("", id="nothing"),
    ],
)
def test_hashes_that_sdks_get_wrong_are_not_believed(text: str) -> None:
    assert not texts.reverse_hash_is_right(hashed(text), SALT)


def test_charges_that_are_named_are_signed_whatever_their_value_and_spelling() -> None:
    """payu-sdk 1.2.0 signs them only when they are literally True."""
    text = f"2.50|{SALT}|success||||||{BACK}"
    for name in ("additionalCharges", "additional_charges"):
        assert texts.reverse_hash_is_right({**hashed(text), name: "2.50"}, SALT)
        assert not texts.reverse_hash_is_right({**hashed(text), name: "2.5"}, SALT)
        assert not texts.reverse_hash_is_right({**hashed(f"{SALT}|success||||||{BACK}"), name: "2.50"}, SALT)
        assert texts.reverse_hash_is_right({**hashed(f"{SALT}|success||||||{BACK}"), name: ""}, SALT)


def test_a_split_is_signed_or_not_as_the_account_is_set() -> None:
    split = '{"type":"absolute"}'
    for text in (f"{SALT}|success|{split}||||||{BACK}", f"{SALT}|success||||||{BACK}"):
        assert texts.reverse_hash_is_right({**hashed(text), "splitInfo": split}, SALT)
    assert not texts.reverse_hash_is_right({**hashed(f"{SALT}|success|{split}||||||{BACK}"), "splitInfo": "{}"}, SALT)


def test_a_split_of_a_request_stands_behind_the_salt() -> None:
    plain = "gtKFFx|T1|10.00|iPhone|Ashish|test@gmail.com|a||||e||||||" + SALT
    expected = hashlib.sha512((plain + '|{"a":1}').encode()).hexdigest()
    assert texts.request_hash({**ANSWER, "splitRequest": '{"a":1}'}, SALT) == expected


@pytest.mark.parametrize("received", ["", "0" * 128, "ü" * 128, "\x00", "é" * 10])
def test_what_is_no_hash_is_not_believed(received: str) -> None:
    assert not texts.reverse_hash_is_right({**ANSWER, "hash": received}, SALT)


@given(FIELDS, WORDS)
def test_both_sides_sign_alike(fields: dict[str, str], salt: str) -> None:
    """The sandbox has its own."""
    assert texts.request_hash(fields, salt) == hashes.of_request(fields, salt)
    assert texts.reverse_hash_is_right({**fields, "hash": hashes.of_answer(fields, salt)}, salt)


@given(FIELDS, WORDS, st.sampled_from(["key", "txnid", "amount", "productinfo", "firstname", "email", "status"]))
def test_a_changed_field_is_noticed(fields: dict[str, str], salt: str, name: str) -> None:
    signed = {**fields, "hash": hashes.of_answer(fields, salt)}
    assert not texts.reverse_hash_is_right({**signed, name: signed[name] + "x"}, salt)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1, "INR", "0.01"),
        (1_000, "INR", "10.00"),
        (100_000_000_000, "INR", "1000000000.00"),
        (MAX_MINOR, "INR", "90071992547409.91"),
        (500, "JPY", "500"),
        (1_234, "KWD", "1.234"),
        (0, "INR", "0.00"),
    ],
)
def test_an_amount_has_its_currencys_decimals_and_no_other_notation(minor: int, currency: str, text: str) -> None:
    assert texts.amount_text(Money(minor, currency)) == text
    assert texts.money_of(text, currency) == Money(minor, currency)


@given(st.integers(0, MAX_MINOR))
def test_every_amount_comes_back_as_it_went(minor: int) -> None:
    assert texts.money_of(texts.amount_text(Money(minor, "INR")), "INR") == Money(minor, "INR")


@pytest.mark.parametrize("text", ["10", "10.0", "10.000"])
def test_an_amount_is_its_number_however_it_is_written(text: str) -> None:
    assert texts.money_of(text, "INR") == Money(1_000, "INR")


@pytest.mark.parametrize(
    "text",
    ["10.001", "", "ten", "NaN", "Infinity", "-Infinity", "1e1", "1e999999999", "9" * 16, "10.00\n", "١٠", "1,000.00"],
)
def test_what_is_no_whole_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        texts.money_of(text, "INR")


@given(st.uuids())
def test_a_txnid_names_its_attempt_and_no_other(number: UUID) -> None:
    reference = public_id("att", number)
    txnid = texts.txnid_of(reference)
    assert len(txnid) == 25
    assert txnid.isalnum()
    assert texts.reference_of(txnid) == reference


@pytest.mark.parametrize(
    "reference", ["", "att_", "pay_00000000000000000000000000", "att_nobody", "f3ec9b67-473a-4318-803a-d7618bb94265"]
)
def test_what_is_no_attempt_has_no_txnid(reference: str) -> None:
    with pytest.raises(UnknownId):
        texts.txnid_of(reference)


@pytest.mark.parametrize("txnid", ["", "z" * 25, "0" * 24, "0" * 26, "A" * 25, "é" * 25, "٣" * 25, "0" * 24 + "\n"])
def test_a_txnid_that_is_not_ours_names_nothing(txnid: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        texts.reference_of(txnid)


def test_a_refunds_token_is_short_plain_and_always_the_same() -> None:
    references = [public_id("ref", uuid4()) for _ in range(1000)]
    tokens = {texts.refund_token(reference) for reference in references}
    assert len(tokens) == len(references)
    assert all(len(token) == 23 and token.isascii() and token.isalnum() for token in tokens)
    assert texts.refund_token(references[0]) == texts.refund_token(references[0])


@pytest.mark.parametrize(
    ("text", "posted"),
    [
        ("Concert | VIP", "Concert VIP"),
        ("a|b", "a b"),
        ("  trailing  ", "trailing"),
        ("new\r\nline\x00\x1b[0m", "new line [0m"),
        ("zero\u200bwidth\u202eturned", "zero width turned"),
        ("Ayşe İĞÜŞÖÇ ışığı", "Ayşe İĞÜŞÖÇ ışığı"),
        ('"><script>', '"><script>'),
        ("x" * 200, "x" * 100),
        ("|||", ""),
    ],
)
def test_what_would_shift_the_signed_fields_is_made_harmless(text: str, posted: str) -> None:
    assert texts.plain(text, 100) == posted


@pytest.mark.parametrize(
    "address", ["", "ada", "a|b@x.example", "a b@x.example", "a@x\n", "é@x.example", "a" * 60 + "@x.example"]
)
def test_an_address_that_cannot_be_posted_as_it_stands_is_replaced(address: str) -> None:
    assert texts.email_or(address, "other@payer.invalid") == "other@payer.invalid"
    assert texts.email_or("ada@shop.example", "other@payer.invalid") == "ada@shop.example"
