"""Who is asking: from the bearer token to a principal."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from vezne.identity import queries
from vezne.identity.models import KeyMissing, KeyText, KeyUnknown, TooManyRequests
from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal

REMEMBERED_SECONDS = 1
"""How long a key's standing is remembered in a process: a revoked key is refused everywhere after at most this."""

_REMEMBERED_KEYS = 10_000


@dataclass(slots=True)
class Authenticator:
    """Finds principals by API key, remembers them for a second, and counts each key's requests of the minute."""

    db: Database
    requests_per_minute: int = 60_000
    _known: OrderedDict[str, tuple[float, Principal]] = field(default_factory=OrderedDict)
    _limiter: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header. Raises KeyMissing, KeyUnknown, TooManyRequests."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise KeyMissing
        known = self._known.get(text)
        if known is not None and known[0] > time.monotonic():
            principal = known[1]
        else:
            principal = await self._find(text)
        self._count(principal)
        return principal

    async def _find(self, text: str) -> Principal:
        self._known.pop(text, None)
        key_text = KeyText.read(text)
        if key_text is None:
            raise KeyUnknown
        async with self.db.connection() as connection:
            found = await queries.select_key_by_hash(connection, key_text.tenant_id, key_text.hash)
        if found is None or not found[0].stands(clock.real_now()):
            raise KeyUnknown
        key, livemode = found
        actor = f"key:{public_id('key', key.id)}"
        principal = Principal(key_text.tenant_id, actor, "key", key.granted(), livemode, key.id)
        self._known[text] = (time.monotonic() + REMEMBERED_SECONDS, principal)
        if len(self._known) > _REMEMBERED_KEYS:
            self._known.popitem(last=False)
        return principal

    def _count(self, principal: Principal) -> None:
        limit = RateLimitItemPerMinute(self.requests_per_minute)
        if not self._limiter.hit(limit, principal.actor):
            window = self._limiter.get_window_stats(limit, principal.actor)
            wait = max(1, int(window.reset_time) - int(time.time()) + 1)
            raise TooManyRequests(limit=self.requests_per_minute, retry_after_seconds=wait, retry_after=wait)
