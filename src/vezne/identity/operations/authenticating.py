"""Who is asking: from the bearer token to a principal."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta

from vezne.identity import queries
from vezne.identity.models import CustomerTokenInvalid, KeyMissing, KeyText, KeyUnknown, TooManyRequests, key_hash
from vezne.identity.operations import customer_tokens
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal

REMEMBERED_SECONDS = 1
"""How long a key's standing is remembered in a process: a revoked key is refused everywhere after at most this."""

CUSTOMER_REQUESTS_PER_MINUTE = 600
"""How many requests one customer's tokens may make a minute, in each process: a browser, not a server."""

_REMEMBERED_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class _Standing:
    """A key that was good when it was last looked up, and until when that is believed."""

    principal: Principal
    until: float  # of time.monotonic()


@dataclass(slots=True)
class Authenticator:
    """Finds principals by API key or customer's token, remembers them for a second, and counts their requests of the minute.

    Keys are looked up and remembered by their SHA-256: the time an answer takes tells nothing of the key itself.
    """

    db: Database
    requests_per_minute: int = 60_000
    _known: dict[bytes, _Standing] = field(default_factory=dict)
    _asking: dict[bytes, asyncio.Future[None]] = field(default_factory=dict)
    _minute: int = 0
    _requests: dict[str, int] = field(default_factory=dict)

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header.

        Raises KeyMissing, KeyUnknown, CustomerTokenInvalid, TooManyRequests.
        """
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise KeyMissing
        hash_ = key_hash(given)
        principal = self._remembered(hash_) or await self._standing(given, hash_)
        self._count(principal)
        return principal

    def _remembered(self, hash_: bytes) -> Principal | None:
        known = self._known.get(hash_)
        return known.principal if known is not None and known.until > time.monotonic() else None

    async def _standing(self, given: str, hash_: bytes) -> Principal:
        """The database's word; one question at a time for each key, however many requests wait for the answer."""
        if given.startswith(customer_tokens.PREFIX):
            return await self._token(given, hash_)
        text = KeyText.read(given)
        if text is None:
            raise KeyUnknown
        while (asking := self._asking.get(hash_)) is not None:
            await asyncio.wait([asking])
            if (principal := self._remembered(hash_)) is not None:
                return principal
        answered = self._asking[hash_] = asyncio.get_running_loop().create_future()
        try:
            return await self._ask(text, hash_)
        finally:
            del self._asking[hash_]
            answered.set_result(None)

    async def _ask(self, text: KeyText, hash_: bytes) -> Principal:
        asked = time.monotonic()  # before the question: what the answer says is at least this old
        now = clock.real_now()
        self._known.pop(hash_, None)
        async with self.db.connection() as connection:
            found = await queries.select_key_by_hash(connection, text.tenant_id, hash_)
            if found is None or not found[0].stands(now):
                raise KeyUnknown
            key, livemode = found
            if key.last_used_on != now.date():
                await queries.mark_key_used(connection, text.tenant_id, key.id, now.date())
        actor = f"key:{public_id('key', key.id)}"
        principal = Principal(text.tenant_id, actor, "key", key.granted(), livemode, key.id, expires_at=key.expires_at)
        self._remember(hash_, principal, asked, None if key.expires_at is None else key.expires_at - now)
        return principal

    async def _token(self, given: str, hash_: bytes) -> Principal:
        """What a customer's token says, as long as the key it was made with is good."""
        asked, now = time.monotonic(), clock.real_now()
        says = customer_tokens.read_token(self.db.vault, given)
        if says.key_id is not None:
            async with self.db.connection() as connection:
                key = await queries.select_key_by_id(connection, says.principal.tenant_id, says.key_id)
            if key is None or not key.stands(now):
                raise CustomerTokenInvalid
        self._remember(hash_, says.principal, asked, says.expires_at - now)
        return says.principal

    def _remember(self, hash_: bytes, principal: Principal, asked: float, left: timedelta | None) -> None:
        life = REMEMBERED_SECONDS if left is None else min(REMEMBERED_SECONDS, left.total_seconds())
        if len(self._known) >= _REMEMBERED_KEYS:
            self._known.clear()
        self._known[hash_] = _Standing(principal, asked + life)

    def _count(self, principal: Principal) -> None:
        """Count the request in its minute. Plain numbers: `limits`, made for shared stores, costs a tenth of a whole request."""
        minute, second = divmod(int(clock.real_now().timestamp()), 60)
        if minute != self._minute:
            self._minute, self._requests = minute, {}
        count = self._requests[principal.actor] = self._requests.get(principal.actor, 0) + 1
        limit = self.requests_per_minute
        if principal.customer_id is not None:
            limit = min(limit, CUSTOMER_REQUESTS_PER_MINUTE)
        if count > limit:
            wait = 60 - second
            raise TooManyRequests(limit=limit, retry_after_seconds=wait, retry_after=wait)
