"""Stripe's objects in today's shapes: a Shape fails on a field that the fixtures do not have."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("stripe_shapes.json").read_text("utf-8"))["resources"]
SOMETIMES: dict[str, set[str]] = {
    # Fields that stand there only sometimes, so not in the fixtures: the library's own types declare them.
    "refund": {"failure_reason"},
    "payment_intent.last_payment_error": {"code", "decline_code"},
    "invoice": {"payments"},
    "invoice_payment.payment": {"payment_intent"},
}


class Shape(Mapping[str, Any]):
    """A resource in today's shape; reading what it does not have is a mistake."""

    def __init__(self, kind: str, values: Mapping[str, Any], known: set[str] | None = None) -> None:
        self.kind = kind
        self.values_ = values
        self.known = set(values) if known is None else known

    def _read(self, name: str) -> Any:  # noqa: ANN401 - any value of a resource
        assert name in self.known | SOMETIMES.get(self.kind, set()), f"{self.kind} has no {name}"
        return self._shaped(name, self.values_.get(name))

    def _shaped(self, name: str, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, list):
            return [self._shaped(name, one) for one in value]
        if not isinstance(value, dict) or name == "metadata":
            return value
        kind = str(value.get("object", ""))
        return Shape(kind if kind in SHAPES else f"{self.kind}.{name}", value)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        return self._read(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """As a mapping does, once the field is known to exist."""
        found = self._read(name)
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def facts_of(kind: str, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """A resource with these facts, which its shape must have."""
    known = set(SHAPES[kind]) | SOMETIMES.get(kind, set())
    assert facts.keys() <= known, facts.keys() - known
    return {**copy.deepcopy(SHAPES[kind]), **facts}


def shape(kind: str, **facts: Any) -> Shape:  # noqa: ANN401
    """The same, to be read."""
    return Shape(kind, facts_of(kind, **facts), set(SHAPES[kind]))
