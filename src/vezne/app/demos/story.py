"""What a story is told with: steps with the ids to look things up by, and the service as an application calls it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from vezne.kernel.ids import new_id

WAIT_SECONDS = 20
PAUSE_SECONDS = 0.05


class StoryFailed(RuntimeError):
    """The story did not come to its end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story, told to the reader, with the ids to look things up by."""

    title: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """The service as an application calls it."""

    client: httpx2.AsyncClient
    url: str
    key: str

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What is at `path`."""
        return self._answer(await self.client.get(f"{self.url}{path}", headers=self._headers()))

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask for something, once."""
        return self._answer(await self.send("POST", path, body))

    async def patch(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Change something."""
        return self._answer(await self.send("PATCH", path, body))

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        """The answer as it is, refusals too."""
        headers = {**self._headers(), "Idempotency-Key": new_id().hex}
        return await self.client.request(method, f"{self.url}{path}", json=body, headers=headers)

    async def until(self, path: str, is_reached: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - JSON
        """What is at `path` once it `is_reached`. Raises StoryFailed when that takes too long."""
        begun = time.monotonic()
        while not is_reached(found := await self.get(path)):
            if time.monotonic() - begun > WAIT_SECONDS:
                raise StoryFailed(f"{path} did not come to what the story says within {WAIT_SECONDS} s: {found}")
            await asyncio.sleep(PAUSE_SECONDS)
        return found

    def with_key(self, key: str) -> "Api":
        """The same service as somebody else calls it."""
        return Api(self.client, self.url, key)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _answer(self, response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
        if response.is_success:
            return response.json()
        raise StoryFailed(
            f"{response.request.method} {response.request.url.path} answered {response.status_code}: {response.text}"
        )


class Story(Protocol):
    """A story that can be told against a running service."""

    def __call__(self, api: Api) -> AsyncIterator[Step]:
        """Play it, step by step. Raises StoryFailed, PageUnexpected."""
        ...


def demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - the condition is the subject
    """Raise StoryFailed unless the story goes on as it is told."""
    if not holds:
        raise StoryFailed(otherwise)


async def trial_balance(api: Api) -> Step:
    """The books, which sum to zero."""
    trial = await api.get("/v1/ledger/trial-balance")
    demand(trial["balanced"], "The trial balance is not zero.")
    sums = {f"{line['code']} {line['currency']}": line["balance_minor"] for line in trial["data"]}
    return Step("The trial balance sums to zero", sums)
