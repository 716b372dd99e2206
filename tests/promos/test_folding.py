"""One form for all spellings: of a code as it is typed, of a mailbox, of a telephone number."""

from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from vezne.kernel.vault import Vault
from vezne.promos.folding import ALPHABET, LENGTH, fold_email, fold_phone, identities, new_code, read_code

pytestmark = pytest.mark.unit

PERSON = UUID(int=1)
OTHER = UUID(int=2)


@pytest.mark.parametrize("typed", ["SUMMER-10", "summer10", " Summer 10 ", "summer_10", "ＳＵＭＭＥＲ１０"])
def test_cm4_a_code_is_the_same_in_every_spelling(typed: str) -> None:
    read = read_code(typed)
    assert read is not None
    assert read[1] == "SUMMER10"


@pytest.mark.parametrize("typed", ["indirim", "İNDİRİM", "ındırım"])
def test_a_turkish_keyboards_i_is_an_i(typed: str) -> None:
    read = read_code(typed)
    assert read is not None
    assert read[1] == "INDIRIM"


@pytest.mark.parametrize("typed", ["", "AB", "-AB1-", "DROP TABLE;", "ÄPFEL", "A" * 65, "A\u0000BC", "A--B"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read_code(typed) is None


def test_bulk_codes_have_no_letters_that_look_alike_and_enough_of_them() -> None:
    assert not set(ALPHABET) & set("0OQ1IL2Z5S8BU")
    assert len(ALPHABET) ** LENGTH > 2**54
    made = {new_code("VIP") for _ in range(1_000)}
    assert len(made) == 1_000
    for code in made:
        head, *groups = code.split("-")
        assert head == "VIP"
        assert set("".join(groups)) <= set(ALPHABET)
        assert len("".join(groups)) == LENGTH


@pytest.mark.parametrize(
    "written",
    [
        "ada.lovelace@gmail.com",
        "ADALOVELACE@GMAIL.COM",
        "a.d.a.lovelace+promo2@googlemail.com",
        " adalovelace+x+y@gmail.com. ",
        "AdaLovelace@ＧＭＡＩＬ.com",
    ],
)
def test_cm4_spellings_of_a_mailbox_are_one(written: str) -> None:
    assert fold_email(written) == "adalovelace@gmail.com"


def test_dots_count_where_they_tell_mailboxes_apart() -> None:
    assert fold_email("a.b@example.org") != fold_email("ab@example.org")
    assert fold_email("a.b+c@example.org") == fold_email("A.B@Example.org")


def test_a_host_in_unicode_is_its_punycode() -> None:
    assert fold_email("ada@bücher.example") == fold_email("ada@xn--bcher-kva.example") == "ada@xn--bcher-kva.example"


def test_a_turkish_capital_i_in_an_address_is_an_i() -> None:
    assert fold_email("İSMAİL@gmail.com") == fold_email("ismail@gmail.com") == fold_email("ISMAIL@GMAIL.COM")


@pytest.mark.parametrize("written", ["", "nobody", "@gmail.com", "+tag@gmail.com", "a@"])
def test_what_is_no_address_tells_nobody(written: str) -> None:
    assert fold_email(written) is None


@pytest.mark.parametrize("written", ["+90 532 123 45 67", "0532 123 45 67", "00905321234567", "(532) 123-4567", "٥٣٢١٢٣٤٥٦٧"])
def test_cm4_spellings_of_a_telephone_number_are_one(written: str) -> None:
    assert fold_phone(written) == "5321234567"


def test_what_is_no_number_tells_nobody() -> None:
    assert fold_phone("112") is None


def test_an_identity_is_a_keyed_hash_of_one_tenant() -> None:
    vault = Vault((Fernet.generate_key(),))
    mine = identities(vault, 1, PERSON, "a.b@gmail.com", None)
    assert set(mine) & set(identities(vault, 1, OTHER, "AB+x@googlemail.com", None))
    assert not set(mine) & set(identities(vault, 2, PERSON, "a.b@gmail.com", None))
    assert not set(mine) & set(identities(Vault((Fernet.generate_key(),)), 1, PERSON, "a.b@gmail.com", None))
    assert all(len(each) == 32 for each in mine)


def test_after_a_change_of_keys_a_person_is_still_known() -> None:
    former, present = Fernet.generate_key(), Fernet.generate_key()
    before = identities(Vault((former,)), 1, PERSON, "a@example.org", "+905321234567")
    after = identities(Vault((present, former)), 1, PERSON, "a@example.org", "+905321234567")
    assert set(before) < set(after)
