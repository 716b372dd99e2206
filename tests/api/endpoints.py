"""Every endpoint that the service describes, with a request it would take: made from its OpenAPI, so a new one is covered."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PATH_PREFIXES = {
    "customer_id": "cus",
    "wallet_id": "wal",
    "transaction_id": "txn",
    "entry_id": "ent",
    "hold_id": "hld",
    "order_id": "ord",
    "payment_id": "pay",
    "session_id": "cks",
    "key_id": "key",
    "refund_id": "ref",
    "item_id": "itm",
    "fee_rule_id": "fee",
    "payee_id": "pye",
    "settlement_id": "stl",
    "payout_id": "pot",
    "file_id": "fil",
    "staff_id": "stf",
    "resource_id": "rsc",
    "unit_id": "unt",
    "claim_id": "clm",
    "ticket_id": "tkt",
    "attendee_id": "atd",
    "waiting_id": "wtg",
    "reservation_id": "wrs",
    "intent_id": "pay",
    "unmatched_id": "umt",
    "promotion_id": "prm",
    "plan_id": "pln",
    "membership_id": "mbs",
    "code_id": "pcd",
    "rule_id": "rul",
    "reward_id": "rwd",
    "voucher_id": "vch",
    "redemption_id": "rdm",
    "method_id": "mtd",
    "subscription_id": "sub",
    "dispute_id": "dsp",
    "mail_id": "eml",
    "alert_id": "alr",
    "student_id": "student",  # no id of ours, but the tenant's own name of a customer
}
"""What a path parameter names. A parameter that is not here makes the tests fail: say what it names, and make one."""

GIVEN = {"PATCH /v1/customers/{customer_id}": {"name": "Ada"}, "PATCH /v1/tenant": {"name": "Kampüs"},
         "PATCH /v1/items/{item_id}": {"name": "Concert"}, "PATCH /v1/payees/{payee_id}": {"name": "Depo"},
         "PATCH /v1/resources/{resource_id}": {"name": "Concert"}, "PATCH /v1/units/{unit_id}": {"name": "A1"},
         "PATCH /v1/promotions/{promotion_id}": {"name": "Autumn"}, "PATCH /v1/promo-codes/{code_id}": {"active": True},
         "PATCH /v1/plans/{plan_id}": {"name": "Plus"}, "PATCH /v1/vouchers/{voucher_id}": {"name": "Music"},
         "POST /v1/vouchers/{voucher_id}/stock": {"quantity": 1},
         "POST /v1/unmatched-money/{unmatched_id}/resolutions": {"action": "refund"},
         "PATCH /v1/credit-packs/{item_id}": {"name": "Fifty"},
         "PATCH /v1/staff/{staff_id}": {"name": "Ada"}}  # fmt: skip
"""What is not required of a body field by field and yet must be given."""

NAMES = {"student_id", "referred_student_id", "reference_id"}
"""Fields that look like ids and hold what the caller calls a thing."""

SIGNED = {"POST /coins/adjust", "POST /v1/coins/adjustments"}
"""Where an amount below zero takes."""

OR_NOTHING = {"POST /v1/coin-budgets"}
"""Where zero is an amount."""

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Endpoint:
    """A method of a path."""

    method: str
    path: str
    operation: dict[str, Any]
    schemas: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def is_secured(self) -> bool:
        """Whether a key is asked for."""
        return any("key" in each for each in self.operation.get("security", []))

    @property
    def needs_query(self) -> bool:
        """Whether something must be said after the path's question mark."""
        return any(each["in"] == "query" and each.get("required") for each in self.operation.get("parameters", []))

    @property
    def body_schema(self) -> dict[str, Any] | None:
        """The schema of the request's JSON, when it takes any."""
        content = self.operation.get("requestBody", {}).get("content", {})
        found = content.get("application/json", {}).get("schema")
        return None if found is None else self.resolved(found)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a reference stands for."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def url(self, ids: dict[str, str]) -> str:
        """The path with these ids, by prefix."""
        return re.sub(r"{(\w+)}", lambda name: ids[PATH_PREFIXES[name[1]]], self.path)

    def body(self, ids: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        """A body with what is required, and whom it is about; None when none is taken."""
        schema = self.body_schema
        if schema is None or str(self) in GIVEN:
            return GIVEN.get(str(self))
        body = self._example(schema, "", ids)
        if "customer_id" in schema.get("properties", {}) and "cus" in ids:
            body["customer_id"] = ids["cus"]  # whom a key must name; a customer's token need not
        return body

    def _example(self, schema: dict[str, Any], name: str, ids: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        schema = self.resolved(schema)
        known = _known(name, ids)
        if known is not None:
            return known
        for of in ("anyOf", "oneOf"):
            if of in schema:
                return self._example(schema[of][0], name, ids)
        if schema.get("type") == "array":
            return [self._example(schema["items"], "", ids)]
        if schema.get("type") == "object":
            return {field: self._example(schema["properties"][field], field, ids) for field in schema.get("required", [])}
        return schema.get("const") or [*schema.get("enum", []), _PLAIN.get(schema.get("type", ""), "2030-01-01T00:00:00Z")][0]


_PLAIN = {"integer": 100, "number": 1, "boolean": False}


def _known(name: str, ids: dict[str, str]) -> str | None:
    if name == "currency":
        return "TRY"
    return ids.get("wal" if name.endswith("_wallet_id") else PATH_PREFIXES.get(name, ""))


def endpoints(described: dict[str, Any]) -> Iterator[Endpoint]:
    """All of them."""
    schemas = described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for method in METHODS:
            if method in operations:
                yield Endpoint(method, path, operations[method], schemas)
