"""Watching: whoever looks at a wallet is told what it holds as soon as that has changed.

No payment pays for it. (NOTIFY would: a commit that notifies holds a lock of the whole database.) Instead each process asks, a
few times a second and only while somebody watches, for all wallets that are watched in it, in one question. A watcher who falls
behind misses what lay between and gets what is now, so nothing is kept for it but the newest sight.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog

from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import RateLimited, Refusal
from vezne.kernel.principal import Principal
from vezne.wallets.models import Sight, Wallet
from vezne.wallets.queries.watching import WatchedWallet, select_sights

LONGEST_PAUSE = timedelta(seconds=5)
MOST_OF_CUSTOMER, MOST_OF_KEY, MOST = 10, 1_000, 5_000
"""How many watches at once one customer, one API key and one process may have."""

_SHARE = 4
"""Between two questions passes at least so many times what the last one took."""
_log = structlog.get_logger("vezne.wallets")


class TooManyWatchers(RateLimited):
    """No more than {most} balances are watched at once {where}: close one, or try again in {retry_after_seconds} s."""


async def sight_of(tx: Tx, wallet: Wallet) -> Sight:
    """What a wallet holds now."""
    found = await select_sights(tx.connection, [(tx.tenant_id, wallet.id)], tx.now)
    return found[tx.tenant_id, wallet.id]


class Watch:
    """One watcher's view of one wallet."""

    def __init__(self, key: WatchedWallet, actor: str, seen: Sight) -> None:
        self.key = key
        self.actor = actor
        self._seen = self._newest = seen
        self._changed = asyncio.Event()

    def show(self, sight: Sight) -> None:
        """What the wallet holds, as it was just read."""
        self._newest = sight
        if not sight.same(self._seen):
            self._changed.set()

    async def change(self, within: timedelta) -> Sight | None:
        """What the wallet holds now, once that differs from what was told last; None when it does not `within` that time."""
        try:
            await asyncio.wait_for(self._changed.wait(), within.total_seconds())
        except TimeoutError:
            return None
        self._changed.clear()
        self._seen = self._newest
        return self._seen


@dataclass(frozen=True, slots=True)
class Pace:
    """How often all are asked for; how often a watcher hears that we are there; how long one who does not read is waited for."""

    tick: timedelta = timedelta(milliseconds=300)
    heartbeat: timedelta = timedelta(seconds=15)
    slowest: timedelta = timedelta(seconds=10)


class Watching:
    """All watches of a process."""

    def __init__(self, db: Database, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._db = db
        self._watches: set[Watch] = set()
        self._actors: Counter[str] = Counter()
        self._asking: asyncio.Task[None] | None = None
        self.questions = 0

    def demand_room(self, principal: Principal) -> None:
        """Raise TooManyWatchers where one more would be too many."""
        own = MOST_OF_CUSTOMER if principal.customer_id is not None else MOST_OF_KEY
        if self._actors[principal.actor] >= own:
            raise TooManyWatchers(most=own, where="by one caller", retry_after_seconds=60, retry_after=60)
        if len(self._watches) >= MOST:
            raise TooManyWatchers(most=MOST, where="here", retry_after_seconds=10, retry_after=10)

    @contextmanager
    def watch(self, principal: Principal, first: Sight) -> Iterator[Watch]:
        """Watch the wallet of `first`, which the watcher was told, until the block ends. Raises TooManyWatchers."""
        self.demand_room(principal)
        watch = Watch((principal.tenant_id, first.wallet_id), principal.actor, first)
        self._watches.add(watch)
        self._actors[watch.actor] += 1
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="balances")
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            self._actors[watch.actor] -= 1
            self._actors += Counter()  # those at zero are forgotten
            if not self._watches and self._asking is not None:
                self._asking.cancel()
                self._asking = None

    async def _ask(self) -> None:
        pause = self.pace.tick
        while True:
            await asyncio.sleep(pause.total_seconds())
            began = time.monotonic()
            try:
                await self._look()
            except (Refusal, asyncpg.PostgresError) as error:
                _log.warning("balances could not be read", reason=type(error).__name__)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            took = timedelta(seconds=time.monotonic() - began)
            pause = min(max(self.pace.tick, _SHARE * took), LONGEST_PAUSE)

    async def _look(self) -> None:
        asked = list(self._watches)  # not those who come meanwhile: their first sight may be newer than this answer
        self.questions += 1
        async with self._db.connection() as connection:
            sights = await select_sights(connection, {watch.key for watch in asked}, clock.real_now())
        for watch in asked:
            sight = sights.get(watch.key)
            if sight is not None:
                watch.show(sight)
