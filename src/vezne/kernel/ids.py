"""Identifiers: UUIDv7 inside, prefixed and readable outside (`wal_01h455vb4pex5vsknk084sn02q`)."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

import uuid_utils
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typeid import TypeID
from typeid.errors import TypeIDException
from uuid_utils.compat import uuid7

from vezne.kernel.errors import NotFound

PREFIXES = {
    "account": "acc",
    "alert": "alr",
    "attempt": "att",
    "attendee": "atd",
    "check": "chk",
    "checkout": "cks",
    "claim": "clm",
    "code": "pcd",
    "customer": "cus",
    "dispute": "dsp",
    "entry": "ent",
    "event": "evt",
    "fee": "fee",
    "file": "fil",
    "hold": "hld",
    "invoice": "inv",
    "item": "itm",
    "key": "key",
    "line": "oli",
    "lot": "lot",
    "mail": "eml",
    "membership": "mbs",
    "method": "mtd",
    "order": "ord",
    "payee": "pye",
    "payment": "pay",
    "payout": "pot",
    "period": "mpd",
    "plan": "pln",
    "promo": "prm",
    "quote": "quo",
    "redemption": "rdm",
    "refund": "ref",
    "reservation": "wrs",
    "resource": "rsc",
    "reward": "rwd",
    "rule": "rul",
    "session": "ses",
    "settlement": "stl",
    "staff": "stf",
    "subscription": "sub",
    "tenant": "ten",
    "tender": "tdr",
    "ticket": "tkt",
    "transaction": "txn",
    "unit": "unt",
    "unmatched": "umt",
    "voucher": "vch",
    "waiting": "wtg",
    "wallet": "wal",
    "webhook": "whk",
}
"""What a public id begins with, by the noun it identifies: a field `wallet_id` is shown as `wal_…`."""


_BELOW_TIME = 80  # bits of a UUIDv7 after its milliseconds since 1970


class UnknownId(NotFound):
    """There is no {text}."""


def new_id() -> UUID:
    """A new identifier; later ones sort after earlier ones made by the same process (UUIDv7, RFC 9562)."""
    return uuid7()


def id_before(age: timedelta) -> UUID:
    """An identifier that sorts before all that were made in the last `age` of real time, whatever a tenant's clock says."""
    milliseconds = (new_id().int >> _BELOW_TIME) - age // timedelta(milliseconds=1)
    return UUID(int=milliseconds << _BELOW_TIME)


def public_id(prefix: str, value: UUID) -> str:
    """The identifier as the API shows it (TypeID: prefix, underscore, 26 letters of Crockford base 32)."""
    return str(TypeID.from_uuid(uuid_utils.UUID(bytes=value.bytes), prefix=prefix))


def shown(field: str, value: UUID) -> str:
    """The public id of what a field names: `shown("wallet_id", uuid)` is `wal_…`."""
    return public_id(PREFIXES[field.removesuffix("_id")], value)


@lru_cache(maxsize=10_000)  # the same wallets come again and again, and reading one costs more than the rest of a path
def parse_id(prefix: str, text: str) -> UUID:
    """The identifier behind `text`; one of another kind, or no identifier at all, is UnknownId, as a foreign one would be."""
    try:
        parsed = TypeID.from_string(text)
    except TypeIDException:
        raise UnknownId(text=text[:64]) from None
    if parsed.prefix != prefix:
        raise UnknownId(text=text[:64])
    return UUID(bytes=parsed.uuid.bytes)


@dataclass(frozen=True, slots=True)
class PublicId:
    """Marks a UUID that the API reads and writes as a public id: `WalletId = Annotated[UUID, PublicId("wal")]`."""

    prefix: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read a public id (or a UUID from inside); write a public id."""
        return core_schema.no_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: public_id(self.prefix, value)),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string in OpenAPI."""
        return {"type": "string", "examples": [f"{self.prefix}_01h455vb4pex5vsknk084sn02q"]}

    def _read(self, value: object) -> UUID:
        if isinstance(value, UUID):
            return value
        if not isinstance(value, str):
            message = f"an id is text such as {self.prefix}_01h455vb4pex5vsknk084sn02q"
            raise ValueError(message)  # noqa: TRY004 - pydantic turns a ValueError into a field error
        return parse_id(self.prefix, value)
