"""How each resource looks today: the keys of Stripe's own fixtures with nothing in them. `shapes.json` holds one of each."""

import copy
import json
from pathlib import Path
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
"""A resource as the API shows it. Its values are whatever JSON has, which is why they are Any."""

_SHAPES: dict[str, Object] = json.loads(Path(__file__).with_name("shapes.json").read_text("utf-8"))
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def new(kind: str, **facts: object) -> Object:
    """A resource of this kind with these facts; a key that today's shape does not have is a mistake of ours."""
    shape = copy.deepcopy(_SHAPES[kind])
    strange = facts.keys() - shape.keys()
    if strange:
        raise KeyError(f"{kind} has no {', '.join(sorted(strange))}")
    return {**shape, **facts}


def change(thing: Object, **facts: object) -> Object:
    """The resource with other facts; the old one stays as it is."""
    strange = facts.keys() - thing.keys()
    if strange:
        raise KeyError(f"{thing['object']} has no {', '.join(sorted(strange))}")
    return {**copy.deepcopy(thing), **facts}


def listed(url: str, data: list[Object], *, has_more: bool = False) -> Object:
    """A list as Stripe shows it."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def gone(kind: str, id_: str) -> Object:
    """What is left of a resource that was deleted."""
    return {"id": id_, "object": kind, "deleted": True}
