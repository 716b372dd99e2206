"""Group commit: concurrent calls that arrive while a batch commits form the next batch.

One transaction and one flush to disk serve the whole batch; each caller gets its own outcome, idempotency key and events
included. Whatever is queued is taken at once, nothing lingers; at most one batch of a tenant is under way in each process.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import asyncpg

from vezne.kernel.db import Busy, Database, DatabaseUnavailable, Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.idempotency import HEADER, IdempotencyKeyReused, StoredAnswer, insert_answered, select_stored
from vezne.kernel.principal import Principal

LARGEST_BATCH = 512
ATTEMPTS = 3
QUIET_TURNS = 3
"""Turns of the event loop without a further call: a request is read in one, begun in the next, submitted in that or a third."""

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is answered; `replayed`: it was answered so before, under the same key."""

    status: int
    body: bytes
    replayed: bool = False


Apply = Callable[[Tx, Sequence[Work]], Awaitable[Sequence[Answer | Refusal]]]
"""Does many works in one transaction and answers each. What it raises undoes them all."""


class _KeyTaken(Exception):
    """Another transaction stored one of the batch's keys meanwhile: done again, the batch finds what was answered."""


@dataclass(slots=True, eq=False)
class _Call(Generic[Work]):
    principal: Principal
    work: Work
    key: str | None
    request_hash: bytes
    answer: "asyncio.Future[Answer]"

    def succeed(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class GroupCommit(Generic[Work]):
    """Commits concurrent works of each tenant together. A batch is one actor's, so that every row names who did it."""

    def __init__(self, db: Database, apply: Apply[Work], *, largest: int = LARGEST_BATCH) -> None:
        self._db = db
        self._apply = apply
        self._largest = largest
        self._queues: dict[int, deque[_Call[Work]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, principal: Principal, work: Work, *, key: str | None = None, request_hash: bytes = b"") -> Answer:
        """Do `work` with whatever else is queued; returns once it is durable.

        With `key`: the same request again (same key, same hash) gets the stored answer. Raises what `apply` refused, or
        IdempotencyKeyReused, DatabaseUnavailable (whether it was committed is then told by the key), Busy.
        """
        call = _Call(principal, work, key, request_hash, asyncio.get_running_loop().create_future())
        queue = self._queues.get(principal.tenant_id)
        if queue is None:
            queue = self._queues[principal.tenant_id] = deque()
            task = asyncio.create_task(self._drain(principal.tenant_id, queue), name="group commit")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        queue.append(call)
        return await call.answer

    async def _drain(self, tenant_id: int, queue: deque[_Call[Work]]) -> None:
        batch: list[_Call[Work]] = []
        try:
            while queue:
                await self._gather(queue)
                batch = []
                self._take(queue, batch)
                if batch:
                    await self._commit(batch, queue)
        finally:
            del self._queues[tenant_id]
            for call in [*batch, *queue]:  # only where this task was cancelled: nobody may wait for ever
                call.answer.cancel()

    async def _gather(self, queue: deque[_Call[Work]]) -> None:
        """Let the event loop turn for as long as that brings further calls: what lies unread in the sockets comes along.

        No time is waited: where nothing arrives this takes QUIET_TURNS turns of the loop. Under load the callers just answered
        are back within a few, so that the next batch is twice as large and its round trips cost each caller half.
        """
        quiet, known = 0, len(queue)
        while quiet < QUIET_TURNS and known < self._largest:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(queue) == known else 0
            known = len(queue)

    def _take(self, queue: deque[_Call[Work]], batch: list[_Call[Work]]) -> None:
        """Move to `batch` whatever may go with it; a key that is in the batch already waits for the next one."""
        left: list[_Call[Work]] = []
        keys = {call.key for call in batch if call.key is not None}
        while queue and len(batch) < self._largest:
            call = queue.popleft()
            if call.answer.done():  # whoever asked is gone
                continue
            if call.key in keys or (batch and call.principal.actor != batch[0].principal.actor):
                left.append(call)
                continue
            batch.append(call)
            if call.key is not None:
                keys.add(call.key)
        queue.extendleft(reversed(left))

    async def _commit(self, batch: list[_Call[Work]], queue: deque[_Call[Work]] | None = None) -> None:
        """Commit the batch and what of `queue` may go with it: again where that may help, and at last one by one, so that none
        fails for another's sake.
        """
        error: Exception | None = None
        for _ in range(ATTEMPTS):
            error = await self._outcome(batch, queue)
            if error is None:
                return
            if not isinstance(error, Refusal) or _in_vain(error):
                break
        if len(batch) > 1 and error is not None and not _in_vain(error):
            for call in batch:
                await self._commit([call])
            return
        for call in batch:
            call.fail(error or Busy(retry_after=1))

    async def _outcome(self, batch: list[_Call[Work]], queue: deque[_Call[Work]] | None) -> Exception | None:
        """Why the batch as a whole did not come about, or None: then each caller has its answer."""
        try:
            answers = await self._attempt(batch, queue)
        except _KeyTaken:
            return Busy(retry_after=1)
        except Exception as error:  # noqa: BLE001 - it is given to the caller whose request it is
            return error
        for call, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Answer):
                call.succeed(answer)
            else:
                call.fail(answer)
        return None

    async def _attempt(self, batch: list[_Call[Work]], queue: deque[_Call[Work]] | None) -> Sequence[Answer | Refusal]:
        """One transaction over the batch; what is answered stands, for the transaction has committed.

        Batches of one tenant take turns, over all processes: two at a time would wait for each other's accounts anyway, and
        whoever arrives while this one waits for its turn comes along.
        """
        async with self._db.transaction(batch[0].principal, in_turn=True) as tx:
            if queue:
                self._take(queue, batch)
            keys = [call.key for call in batch if call.key is not None]
            stored = await select_stored(tx, keys) if keys else {}
            fresh = [call for call in batch if call.key is None or call.key not in stored]
            done = iter(await self._apply(tx, [call.work for call in fresh])) if fresh else iter(())
            answers = [next(done) if call.key not in stored else _replay(call, stored) for call in batch]
            kept = {
                call.key: StoredAnswer(call.request_hash, answer.status, answer.body)
                for call, answer in zip(batch, answers, strict=True)
                if call.key is not None and isinstance(answer, Answer) and not answer.replayed
            }
            if kept and not await insert_answered(tx, kept):
                raise _KeyTaken
        return answers


def _replay(call: _Call[Work], stored: dict[str, StoredAnswer]) -> Answer | Refusal:
    earlier = stored[call.key or ""]
    if earlier.request_hash != call.request_hash:
        return IdempotencyKeyReused(loc=("header", HEADER))
    return Answer(earlier.status, earlier.body, replayed=True)


def _in_vain(error: Exception) -> bool:
    """Whether trying again, together or one by one, would only wait again."""
    return isinstance(error, DatabaseUnavailable) or isinstance(error.__cause__, asyncpg.LockNotAvailableError)
