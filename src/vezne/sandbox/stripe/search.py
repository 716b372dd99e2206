"""The search API: `metadata['order']:'ord_1' AND status:'succeeded'`. What has just changed may not be found yet."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from vezne.sandbox.store import instant
from vezne.sandbox.stripe import objects
from vezne.sandbox.stripe.calls import Call
from vezne.sandbox.stripe.errors import invalid, missing
from vezne.sandbox.stripe.shapes import Object

_CLAUSE = re.compile(
    r"""\s*(?P<no>-)?(?P<field>[a-z_]+)(?:\[(?P<q>['"])(?P<key>[^'"]{1,40})(?P=q)\])?\s*(?P<sign>:|~|>=|<=|>|<)\s*"""
    r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|null|-?[0-9.]+)\s*""",
    re.ASCII,
)
_JOIN = re.compile(r"(AND|OR)(?=\s)", re.IGNORECASE)
_LARGEST_PAGE, _PAGE = 100, 10
Test = Callable[[Object], bool]


def searched(call: Call, kind: str, url: str) -> Object:
    """A page of what the query finds among the resources of a kind, newest first."""
    query, limit = call.params.text("query"), call.params.integer("limit", _PAGE, least=1) or 0
    place = call.params.text("page")
    if query is None:
        raise missing("query")
    if limit > _LARGEST_PAGE or (place is not None and not place.isdecimal()):
        raise invalid("Invalid page or limit.", "limit" if limit > _LARGEST_PAGE else "page")
    suits = _read(query)
    rows = call.tx.sql.execute(
        "SELECT id, changed_at FROM stripe_objects WHERE kind = ? ORDER BY sequence DESC", (kind,)
    ).fetchall()
    until = call.tx.now - call.tx.settings.stripe_search_delay
    found = [objects.get(call.tx, kind, row["id"]) for row in rows if instant(row["changed_at"]) <= until]
    found = [thing for thing in found if suits(thing)]
    start = int(place or 0)
    more = len(found) > start + limit
    return {
        "object": "search_result",
        "url": url,
        "has_more": more,
        "data": found[start : start + limit],
        "next_page": str(start + limit) if more else None,
    }


def _read(query: str) -> Test:
    """What the query asks: clauses joined by AND or by OR, not by both."""
    tests, joins, at = [], set(), 0
    while True:
        match = _CLAUSE.match(query, at)
        if match is None:
            raise invalid(f"We were unable to parse your search query: {query[:200]}", "query")
        tests.append(_test(match))
        at = match.end()
        if at == len(query):
            break
        join = _JOIN.match(query, at)
        if join is None:
            raise invalid(f"We were unable to parse your search query: {query[:200]}", "query")
        joins.add(join[1].upper())
        at = join.end()
    if len(joins) > 1:
        raise invalid("You cannot combine AND with OR in one query.", "query")
    together = any if joins == {"OR"} else all
    return lambda thing: together(test(thing) for test in tests)


def _test(match: re.Match[str]) -> Test:
    field, key, sign, text, negated = match["field"], match["key"], match["sign"], match["value"], match["no"] is not None
    wanted = None if text == "null" else re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "'\"" else text

    def test(thing: Object) -> bool:
        if field not in thing:
            raise invalid(f"Field `{field}` is an unsupported search field for resource `{thing['object']}s`.", "query")
        value = thing[field]
        value = (value or {}).get(key) if key is not None else value
        return _suits(value, sign, wanted) != negated

    return test


def _suits(value: object, sign: str, wanted: str | None) -> bool:
    if wanted is None or value is None:
        return sign == ":" and value is None and wanted is None
    if sign == ":":
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text.casefold() == wanted.casefold()
    if sign == "~":
        return wanted.casefold() in str(value).casefold()
    try:
        left, right = Decimal(str(value)), Decimal(wanted)
    except InvalidOperation:
        raise invalid("Only numbers can be compared.", "query") from None
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[sign]
