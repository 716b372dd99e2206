"""A refusal is one class, which says its code, its status and its sentence."""

import pytest

from vezne.kernel.errors import Conflict, Invalid, NotFound, Refusal

pytestmark = pytest.mark.unit


class PurseTooLight(Conflict):
    """Purse {purse} holds {held}, less than {asked}."""


class HTTPBodyOdd(Invalid):
    """The body is odd."""


class OldName(NotFound):
    """There is no such order."""

    documented_code = "PAY001"


def every_refusal(kind: type[Refusal] = Refusal) -> list[type[Refusal]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in every_refusal(child))]


def test_the_name_is_the_code_and_the_docstring_the_sentence() -> None:
    refused = PurseTooLight(purse="pur_1", held=5, asked=9)
    assert PurseTooLight.code() == "purse_too_light"
    assert refused.detail == str(refused) == "Purse pur_1 holds 5, less than 9."
    assert refused.status == 409
    assert refused.facts == {"purse": "pur_1", "held": 5, "asked": 9}


def test_a_refusal_without_a_place_names_no_field() -> None:
    assert HTTPBodyOdd().errors() == []


def test_a_refusal_with_a_place_names_the_field() -> None:
    refused = HTTPBodyOdd(loc=("body", "lines", 3))
    assert refused.errors() == [{"loc": ["body", "lines", 3], "msg": "The body is odd.", "type": refused.code()}]


def test_braces_in_a_fact_are_only_braces() -> None:
    assert "{held.__class__}" in PurseTooLight(purse="{held.__class__}", held=1, asked=2).detail


def test_every_refusal_has_a_sentence_and_a_code_of_one_status() -> None:
    kinds = [kind for kind in every_refusal() if kind.__module__.startswith("vezne.")]
    for kind in kinds:
        assert (kind.__doc__ or "").strip().endswith((".", "?", "`.")), kind
        assert kind.__doc__ != (kind.__mro__[1].__doc__ or ""), kind
        assert 400 <= kind.status <= 503, kind
    by_code = {kind.code(): kind for kind in kinds}
    for kind in kinds:
        assert kind.status == by_code[kind.code()].status, f"{kind} and {by_code[kind.code()]} share a code"
