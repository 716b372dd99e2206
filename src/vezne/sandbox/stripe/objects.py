"""All resources, whatever their kind: kept, found, listed, and shown with what their asker wants expanded."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from vezne.sandbox.store import Tx
from vezne.sandbox.stripe.errors import invalid, no_such
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import Object, listed

_LARGEST_PAGE, _PAGE = 100, 10
_DEEPEST = 4

Fact: TypeAlias = str | int | bool | list[str] | None
"""A value a field must have, or be one of."""
Part = Callable[[Tx, Object], object]
PARTS: dict[tuple[str, str], Part] = {}
"""What a resource shows only when it is asked for by `expand`, and does not name by an id: (kind, name) to its maker."""


def insert(tx: Tx, thing: Object, **hidden: object) -> Object:
    """Keep a new resource; `hidden` is what the API never shows of it."""
    tx.sql.execute(
        "INSERT INTO stripe_objects (id, kind, body, hidden, changed_at) VALUES (?, ?, ?, ?, ?)",
        (thing["id"], thing["object"], json.dumps(thing), json.dumps(hidden), tx.stamp),
    )
    return thing


def put(tx: Tx, thing: Object, **hidden: object) -> Object:
    """Keep a resource as it now is; `hidden` is added to what is hidden of it."""
    kept = {**hidden_of(tx, thing["id"]), **hidden}
    tx.sql.execute(
        "UPDATE stripe_objects SET body = ?, hidden = ?, changed_at = ? WHERE id = ?",
        (json.dumps(thing), json.dumps(kept), tx.stamp, thing["id"]),
    )
    return thing


def delete(tx: Tx, id_: str) -> None:
    """Forget a resource."""
    tx.sql.execute("DELETE FROM stripe_objects WHERE id = ?", (id_,))


def find(tx: Tx, kind: str, id_: str | None) -> Object | None:
    """The resource, or None."""
    row = tx.sql.execute("SELECT body FROM stripe_objects WHERE id = ? AND kind = ?", (id_, kind)).fetchone()
    return None if row is None else _thing(row["body"])


def get(tx: Tx, kind: str, id_: str, param: str = "id") -> Object:
    """The resource; refused when there is none: 404 when the address names it, 400 when `param` does."""
    found = find(tx, kind, id_)
    if found is None:
        raise no_such(kind, id_, param)
    return found


def hidden_of(tx: Tx, id_: str) -> dict[str, Any]:
    """What the API never shows of a resource."""
    row = tx.sql.execute("SELECT hidden FROM stripe_objects WHERE id = ?", (id_,)).fetchone()
    found: dict[str, Any] = {} if row is None else json.loads(row["hidden"])
    return found


def select(tx: Tx, kind: str, **facts: Fact) -> list[Object]:
    """All of a kind whose fields have these values, oldest first. A name with `__` leads into a hash: `payment__type`."""
    return [_thing(row["body"]) for row in _rows(tx, kind, facts, "ORDER BY sequence", ())]


def _rows(tx: Tx, kind: str, facts: Mapping[str, Fact], tail: str, more: tuple[object, ...]) -> Iterable[Any]:
    # The path stands in the text, so that the indexes on expressions serve; it is one of our own names.
    clauses = "".join(
        f" AND json_extract(body, '$.{name.replace('__', '.')}') "  # noqa: S608 - as said above
        + ("IN (SELECT value FROM json_each(?))" if isinstance(value, list) else "IS ?")
        for name, value in facts.items()
    )
    query = f"SELECT id, sequence, body FROM stripe_objects WHERE kind = ?{clauses} {tail}"  # noqa: S608 - as said above
    values = [json.dumps(value) if isinstance(value, list) else value for value in facts.values()]
    return tx.sql.execute(query, (kind, *values, *more)).fetchall()


def page(tx: Tx, kind: str, params: Params, url: str, **facts: Fact) -> Object:
    """A page of a list, newest first: `limit`, `starting_after`, `ending_before` and `created` are read from the parameters."""
    limit = params.integer("limit", _PAGE) or 0
    if not 1 <= limit <= _LARGEST_PAGE:
        raise invalid(f"Invalid integer: limit must be between 1 and {_LARGEST_PAGE}.", "limit", "parameter_invalid_integer")
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.", "ending_before")
    clauses, values = _created(params)
    if after:
        clauses, values = f"{clauses} AND sequence < ?", (*values, _sequence(tx, kind, after, "starting_after"))
    if before:
        clauses, values = f"{clauses} AND sequence > ?", (*values, _sequence(tx, kind, before, "ending_before"))
    order = "ASC" if before else "DESC"
    rows = list(_rows(tx, kind, facts, f"{clauses} ORDER BY sequence {order} LIMIT ?", (*values, limit + 1)))
    shown = [_thing(row["body"]) for row in rows[:limit]]
    return listed(url, shown[::-1] if before else shown, has_more=len(rows) > limit)


def _created(params: Params) -> tuple[str, tuple[object, ...]]:
    """The clauses of `created`: an instant, or a hash of bounds."""
    if not params.given("created"):
        return "", ()
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    if not params.is_hash("created"):
        return " AND json_extract(body, '$.created') = ?", (params.integer("created"),)
    bounds = params.inner("created")
    given = [(signs[name], bounds.integer(name)) for name in signs if bounds.given(name)]
    return "".join(f" AND json_extract(body, '$.created') {sign} ?" for sign, _ in given), tuple(value for _, value in given)


def _sequence(tx: Tx, kind: str, id_: str, param: str) -> int:
    row = tx.sql.execute("SELECT sequence FROM stripe_objects WHERE id = ? AND kind = ?", (id_, kind)).fetchone()
    if row is None:
        raise no_such(kind, id_, param)
    return int(row["sequence"])


def _thing(body: str) -> Object:
    found: Object = json.loads(body)
    return found


def expand(tx: Tx, thing: Object, paths: Iterable[str]) -> Object:
    """The resource with the ids at these paths replaced by what they name; `data.customer` does it in each of a list."""
    for path in paths:
        steps = path.split(".")
        if len(steps) - (steps[0] == "data") > _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels of a property.", "expand")
        _expand(tx, thing, steps, path)
    return thing


def _expand(tx: Tx, at: Any, steps: list[str], path: str) -> None:  # noqa: ANN401 - any value of a resource
    if isinstance(at, list):
        for place, each in enumerate(at):
            at[place] = _named(tx, each) if isinstance(each, str) else each
            _expand(tx, at[place], steps, path)
        return
    if at is None or not steps:
        return
    step, rest = steps[0], steps[1:]
    part = PARTS.get((str(at.get("object")), step)) if isinstance(at, dict) else None
    if part is not None and not isinstance(at.get(step), dict | list):
        at[step] = part(tx, at)
    if not isinstance(at, dict) or step not in at or isinstance(at[step], bool | int):
        raise invalid(f"This property cannot be expanded ({path}).", "expand")
    if isinstance(at[step], str):
        at[step] = _named(tx, at[step])
        if isinstance(at[step], str):
            raise invalid(f"This property cannot be expanded ({path}).", "expand")
    elif isinstance(at[step], list) and not rest:
        at[step] = [_named(tx, each) if isinstance(each, str) else each for each in at[step]]
    _expand(tx, at[step], rest, path)


def _named(tx: Tx, id_: str) -> Object | str:
    row = tx.sql.execute("SELECT body FROM stripe_objects WHERE id = ?", (id_,)).fetchone()
    return id_ if row is None else _thing(row["body"])
