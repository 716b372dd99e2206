"""Who is asking: from the bearer token to a principal."""

import asyncio
import time
from dataclasses import dataclass, field

from vezne.identity import queries
from vezne.identity.models import KeyMissing, KeyText, KeyUnknown, TooManyRequests, key_hash
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal

REMEMBERED_SECONDS = 1
"""How long a key's standing is remembered in a process: a revoked key is refused everywhere after at most this."""

_REMEMBERED_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class _Standing:
    """A key that was good when it was last looked up, and until when that is believed."""

    principal: Principal
    until: float  # of time.monotonic()


@dataclass(slots=True)
class Authenticator:
    """Finds principals by API key, remembers them for a second, and counts each key's requests of the minute.

    Keys are looked up and remembered by their SHA-256: the time an answer takes tells nothing of the key itself.
    """

    db: Database
    requests_per_minute: int = 60_000
    _known: dict[bytes, _Standing] = field(default_factory=dict)
    _asking: dict[bytes, asyncio.Future[None]] = field(default_factory=dict)
    _minute: int = 0
    _requests: dict[str, int] = field(default_factory=dict)

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header. Raises KeyMissing, KeyUnknown, TooManyRequests."""
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
        life = REMEMBERED_SECONDS if key.expires_at is None else min(REMEMBERED_SECONDS, (key.expires_at - now).total_seconds())
        principal = Principal(text.tenant_id, f"key:{public_id('key', key.id)}", "key", key.granted(), livemode, key.id)
        if len(self._known) >= _REMEMBERED_KEYS:
            self._known.clear()
        self._known[hash_] = _Standing(principal, asked + life)
        return principal

    def _count(self, principal: Principal) -> None:
        """Count the request in its minute. Plain numbers: `limits`, made for shared stores, costs a tenth of a whole request."""
        minute, second = divmod(int(clock.real_now().timestamp()), 60)
        if minute != self._minute:
            self._minute, self._requests = minute, {}
        count = self._requests[principal.actor] = self._requests.get(principal.actor, 0) + 1
        if count > self.requests_per_minute:
            wait = 60 - second
            raise TooManyRequests(limit=self.requests_per_minute, retry_after_seconds=wait, retry_after=wait)
