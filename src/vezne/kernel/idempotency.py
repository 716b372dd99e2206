"""Idempotency keys: the same request again gets the same answer, and happens once.

A key is claimed in the transaction that does the work and stored with the answer in it, so it exists exactly when its
effects do. A second request with a key that is in flight waits for the first, on the key's own row. Only answers of
success are kept: a refusal has left nothing behind, and the same key may be tried again.
"""

import hashlib
import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid, Malformed
from vezne.kernel.principal import Principal

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?", re.ASCII)


_INSERT_EVENTS_AND_ANSWERS = """
    WITH told AS (
        INSERT INTO events (tenant_id, occurred_at, actor, id, type, subject, payload, request_id)
        SELECT $1, $2, $3, fact.* FROM unnest($4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::text[]) AS fact
    ), kept AS (
        INSERT INTO idempotency_keys (tenant_id, created_at, key, request_hash, status, body)
        SELECT $1, $2, answer.* FROM unnest($9::text[], $10::bytea[], $11::smallint[], $12::bytea[]) AS answer
        ON CONFLICT (tenant_id, key) DO NOTHING RETURNING 1
    )
    SELECT count(*) FROM kept"""


class IdempotencyKeyMalformed(Malformed):
    """An Idempotency-Key is 1 to 255 printable ASCII characters."""


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key was used with another request; a new request needs a new key."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered the first time."""

    request_hash: bytes
    status: int
    body: bytes

    def replay(self, request_hash: bytes) -> Response:
        """The first answer again. Raises IdempotencyKeyReused when the request is another one."""
        if request_hash != self.request_hash:
            raise IdempotencyKeyReused(loc=("header", HEADER))
        return Response(self.body, self.status, {REPLAYED: "true"}, "application/json")


def key_of(request: Request, principal: Principal | None = None) -> str | None:
    """The request's key; each customer's tokens have keys of their own, or one would get another's answer.

    Raises IdempotencyKeyMalformed.
    """
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise IdempotencyKeyMalformed(loc=("header", HEADER))
    if key is None or principal is None or principal.customer_id is None:
        return key
    return f"\t{principal.customer_id.hex}/{hashlib.sha256(key.encode()).hexdigest()}"  # the tab: nobody can send this key


def hash_request(request: Request, raw: bytes) -> bytes:
    """What tells one request from another: method, path with query, body."""
    scope = request.scope  # `request.url` would put a whole address together and take it apart again
    head = f"{scope['method']} {scope['path']}?".encode()
    return hashlib.sha256(b"%b%b\n%b" % (head, scope["query_string"], raw)).digest()


async def claim(tx: Tx, key: str, request_hash: bytes) -> StoredAnswer | None:
    """Claim `key` for this transaction, or return the answer that a committed one has stored under it.

    Waits while another transaction holds the key; raises Busy when that takes too long.
    """
    claimed = await tx.execute(
        """INSERT INTO idempotency_keys (tenant_id, key, request_hash, created_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, key) DO NOTHING""",
        tx.tenant_id,
        key,
        request_hash,
        tx.now,
    )
    if claimed:
        return None
    return (await select_stored(tx, [key]))[key]


async def store(tx: Tx, key: str, status: int, body: bytes) -> None:
    """Keep the answer with the effects it tells of."""
    await tx.execute(
        "UPDATE idempotency_keys SET status = $3, body = $4 WHERE tenant_id = $1 AND key = $2", tx.tenant_id, key, status, body
    )


async def select_stored(tx: Tx, keys: list[str]) -> dict[str, StoredAnswer]:
    """The stored answers among `keys`."""
    rows = await tx.fetch(
        "SELECT key, request_hash, status, body FROM idempotency_keys WHERE tenant_id = $1 AND key = ANY ($2::text[])",
        tx.tenant_id,
        keys,
    )
    return {row["key"]: StoredAnswer(row["request_hash"], row["status"], row["body"]) for row in rows}


async def insert_answered(tx: Tx, answers: dict[str, StoredAnswer]) -> bool:
    """Store many keys with their answers at once, in key order; False when another transaction has one of them already.

    The transaction's events are written in the same statement: a round trip less for each batch.
    """
    keys = sorted(answers)
    inserted = await tx.fetchval(
        _INSERT_EVENTS_AND_ANSWERS,
        *tx.take_events(),
        keys,
        [answers[key].request_hash for key in keys],
        [answers[key].status for key in keys],
        [answers[key].body for key in keys],
    )
    return bool(inserted == len(keys))
