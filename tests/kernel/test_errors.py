"""A refusal is one class: name, text, status, field."""

import json

import pytest

from vezne.kernel import errors
from vezne.kernel.edge import refusal_response
from vezne.kernel.errors import Conflict, Invalid, RateLimited, Refusal, Unauthenticated

pytestmark = pytest.mark.unit


class CupEmpty(Conflict):
    """Cup {cup_id} holds {available}, less than {asked}."""


class OldCupEmpty(CupEmpty):
    """Cup {cup_id} is empty."""

    documented_code = "PAY001"


def body_of(refusal: Refusal) -> dict[str, object]:
    body: dict[str, object] = json.loads(bytes(refusal_response(refusal, "req_12345678").body))
    return body


def test_the_name_gives_the_code_and_the_docstring_the_words() -> None:
    refusal = CupEmpty(cup_id="cup_1", available=5, asked=9)
    assert CupEmpty.code() == "cup_empty"
    assert refusal.detail == "Cup cup_1 holds 5, less than 9."
    assert refusal.errors() == []
    assert body_of(refusal) == {"detail": refusal.detail, "code": "cup_empty", "errors": [], "request_id": "req_12345678"}


def test_a_refusal_names_its_field() -> None:
    refusal = Invalid(loc=("body", "amount_minor"))
    assert body_of(refusal)["errors"] == [{"loc": ["body", "amount_minor"], "msg": refusal.detail, "type": "invalid"}]


def test_a_documented_code_takes_the_place_of_ours() -> None:
    assert body_of(OldCupEmpty(cup_id="cup_1"))["code"] == "PAY001"


def test_words_of_the_caller_are_not_a_template() -> None:
    assert CupEmpty(cup_id="{asked.__class__}", available=0, asked=1).detail.startswith("Cup {asked.__class__} holds")


def test_a_refusal_says_when_to_come_back() -> None:
    response = refusal_response(RateLimited(retry_after_seconds=7, retry_after=7), "req_12345678")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


def test_a_401_says_how_to_ask() -> None:
    assert refusal_response(Unauthenticated(), "req_12345678").headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)])
def test_every_kind_of_refusal_is_an_answer(kind: type[Refusal]) -> None:
    assert 400 <= kind.status < 600
    assert kind.__doc__
