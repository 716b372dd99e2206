"""Ids: short to read, impossible to confuse, and a bad one looks like an unknown one."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from vezne.kernel.ids import PREFIXES, PublicId, UnknownId, id_before, new_id, parse_id, public_id, shown

pytestmark = pytest.mark.unit

KINDS = st.sampled_from(sorted(PREFIXES.values()))
WALLET = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
WALLET_TEXT = public_id("wal", WALLET)


class Wallet(BaseModel):
    id: Annotated[UUID, PublicId("wal")]


@given(KINDS, st.uuids())
def test_an_id_is_read_back_as_it_was_written(prefix: str, value: UUID) -> None:
    text = public_id(prefix, value)
    assert text.startswith(f"{prefix}_")
    assert parse_id(prefix, text) == value


@given(st.uuids())
def test_an_id_of_another_kind_is_unknown(value: UUID) -> None:
    with pytest.raises(UnknownId):
        parse_id("wal", public_id("ord", value))


@given(st.text())
@example("")
@example("_")
@example("wal")
@example("wal_")
@example("wal_\x00")
@example("wal_" + "z" * 26)
@example("wal_8" + "0" * 25)
@example("wal_" + "é" * 26)
@example("wal_" + "٠" * 26)
@example(str(WALLET))
@example(WALLET_TEXT.upper())
@example("wal_" + WALLET_TEXT[4:].upper())
@example(WALLET_TEXT + "\n")
@example(" " + WALLET_TEXT)
@example("wal_" + WALLET_TEXT)
@example("\ud800")
def test_text_that_is_no_id_is_unknown(text: str) -> None:
    with pytest.raises(UnknownId):
        parse_id("wal", text)


@given(st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyz", min_size=26, max_size=26))
def test_an_id_can_be_written_in_one_way_only(suffix: str) -> None:
    text = f"wal_{suffix}"
    try:
        value = parse_id("wal", text)
    except UnknownId:
        return
    assert public_id("wal", value) == text


def test_a_long_text_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(UnknownId) as refused:
        parse_id("wal", "x" * 100_000)
    assert len(refused.value.detail) < 100


def test_later_ids_sort_after_earlier_ones() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {value.version for value in made} == {7}
    texts = [public_id("wal", value) for value in made]
    assert texts == sorted(texts)


def test_what_was_made_within_an_age_sorts_after_it() -> None:
    made = new_id()
    assert id_before(timedelta(seconds=1)) < made < id_before(timedelta(seconds=-1))
    assert id_before(timedelta(days=2)) < id_before(timedelta(days=1))


def test_prefixes_are_three_letters_and_never_shared() -> None:
    assert len(set(PREFIXES.values())) == len(PREFIXES)
    assert all(len(prefix) == 3 and prefix.isalpha() and prefix.islower() for prefix in PREFIXES.values())


def test_a_field_shows_the_id_of_what_it_names() -> None:
    assert shown("wallet_id", WALLET) == shown("wallet", WALLET) == WALLET_TEXT


def test_a_model_reads_and_writes_public_ids() -> None:
    wallet = Wallet.model_validate({"id": WALLET_TEXT})
    assert wallet.id == WALLET
    assert wallet.model_dump_json() == f'{{"id":"{WALLET_TEXT}"}}'
    assert Wallet(id=WALLET) == wallet


def test_a_model_answers_a_malformed_id_as_an_unknown_one() -> None:
    with pytest.raises(UnknownId):
        Wallet.model_validate({"id": "wal_1"})


@pytest.mark.parametrize("value", [1, None, True, ["wal_1"], {}])
def test_what_is_not_even_text_is_a_field_error(value: object) -> None:
    with pytest.raises(ValidationError):
        Wallet.model_validate({"id": value})
