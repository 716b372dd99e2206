"""Whether an object looks as Stripe's do today: its published fixtures' keys, and values of the types its SDK gives them."""

import json
import types
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe._object_classes import get_object_class

_TESTS = Path(__file__).parent.parent
SHAPES: dict[str, Any] = {
    **json.loads((_TESTS / "providers" / "stripe_shapes.json").read_text("utf-8"))["resources"],
    **json.loads((_TESTS / "sandbox" / "stripe_shapes.json").read_text("utf-8"))["resources"],
}
"""The fixtures of the resources that are played here."""
_SOMETIMES = {
    "checkout.session": {"line_items"},
    "event": set(),
    "refund": {"failure_reason"},
    "webhook_endpoint": {"secret"},
    "invoice": {"payments", "confirmation_secret"},
}
"""What an object shows when it is asked for, or in one state only; the SDK knows all of these."""


def check(thing: dict[str, Any]) -> None:
    """Fail where the object, or one inside it, differs from today's shape."""
    kind = str(thing["object"])
    if thing.get("deleted"):
        assert set(thing) == {"id", "object", "deleted"}, thing
        return
    if kind in {"list", "search_result"}:
        for each in thing["data"]:
            check(each)
        return
    expected = set(SHAPES[kind])
    if kind == "payment_method" and thing["type"] != "card":
        expected = expected - {"card"} | {thing["type"]}
    extra = set(thing) - expected - _SOMETIMES.get(kind, set())
    assert not extra, f"{kind} has {extra}, which today's shape has not"
    assert not expected - set(thing), f"{kind} lacks {expected - set(thing)}"
    hints = get_object_class("V1", kind).__annotations__
    for name, value in thing.items():
        if name in hints:
            _fits(value, hints[name], f"{kind}.{name}")
        else:
            assert value is None, f"{kind}.{name} is unknown to the SDK and says {value!r}"
    if kind == "event":
        check(thing["data"]["object"])


def _fits(value: Any, hint: Any, path: str) -> None:  # noqa: ANN401 - any value, any type
    if isinstance(value, dict) and isinstance(value.get("object"), str) and value["object"] in {*SHAPES, "list"}:
        check(value)
    elif get_origin(hint) in {Union, types.UnionType}:
        _fits_one_of(value, get_args(hint), path)
    elif get_origin(hint) is Literal:
        assert value in get_args(hint), f"{path}: {value!r} is none of {get_args(hint)}"
    elif get_origin(hint) is list:
        assert isinstance(value, list), f"{path}: {value!r} is no list"
        for place, each in enumerate(value):
            _fits(each, get_args(hint)[0], f"{path}[{place}]")
    elif isinstance(hint, ForwardRef | str):
        assert isinstance(value, str), f"{path}: {value!r} is no id"
    elif hint in {int, str, bool, float, Decimal, type(None)}:
        assert type(value) is hint, f"{path}: {value!r} is no {hint.__name__}"
    else:
        _fits_class(value, hint, path)


def _fits_one_of(value: Any, hints: tuple[Any, ...], path: str) -> None:  # noqa: ANN401 - as above
    wrong = []
    for each in hints:
        try:
            _fits(value, each, path)
        except AssertionError as error:
            wrong.append(str(error))
        else:
            return
    raise AssertionError(f"{path}: {value!r} fits none: {'; '.join(wrong)}")


def _fits_class(value: Any, hint: Any, path: str) -> None:  # noqa: ANN401 - as above
    if hint is typing.Any:
        return
    if not (isinstance(hint, type) and issubclass(hint, stripe.StripeObject)):
        _fits_named(value, hint, path)
        return
    assert isinstance(value, dict), f"{path}: {value!r} is no object"
    hints = getattr(hint, "__annotations__", {})
    for name, each in value.items():
        if hints and "Untyped" not in hint.__name__:
            assert name in hints, f"{path}.{name} is unknown to the SDK"
            _fits(each, hints[name], f"{path}.{name}")


def _fits_named(value: Any, hint: Any, path: str) -> None:  # noqa: ANN401 - as above
    """Hashes of any keys, and lists of resources."""
    name = str(hint)
    if "Untyped" in name or "Dict" in name or "dict" in name:
        assert isinstance(value, dict), f"{path}: {value!r} is no hash"
    else:
        assert "ListObject" in name, f"{path}: what is a {hint!r}?"
        assert isinstance(value, dict), f"{path}: {value!r} is no list"
        assert value["object"] == "list", f"{path}: {value!r} is no list"
        for each in value["data"]:
            check(each)
