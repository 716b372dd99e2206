"""The HTTP edge: one transaction per request, committed before the answer leaves.

`router()` makes an APIRouter whose endpoints take `tx: TxDep` and run inside that transaction. Every POST may carry an
Idempotency-Key. What an endpoint raises undoes everything and becomes a problem body.

Who may ask is said by `requires`. `requires("wallets.read")` is for keys with that permission, and refuses every customer's
token; `requires("wallets.read", own="own.read")` also lets a customer's token in, and then the endpoint answers for that
customer alone: `identity.acting_for` (whose), `identity.seen_by` (lists), `tx.principal.concerns(customer_id)` (what is not its
own is not there: the same 404 as for what nobody has).
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from vezne.kernel import idempotency
from vezne.kernel.body import MAX_BODY_BYTES, BodyNotJson, BodyTooLarge, TextUnstorable, parse_json, read_body
from vezne.kernel.db import Busy, Database, DatabaseUnavailable, Tx
from vezne.kernel.errors import Forbidden, Invalid, NotFound, RateLimited, Refusal, Unauthenticated
from vezne.kernel.principal import PermissionMissing, Principal


class RequestModel(BaseModel):
    """A request body: unknown fields are refused by name, and nothing is converted (`"5"` and `true` are no amounts)."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ProblemField(BaseModel):
    """A field at fault."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="for people")
    code: str = Field(description="for programs; stable")
    errors: list[ProblemField] = Field(description="the fields at fault, where there are any")
    request_id: str = Field(description="quote it when you ask for help")


class Authenticate(Protocol):
    """How the edge learns who is asking; the identity slice provides it."""

    async def __call__(self, request: Request) -> Principal:
        """The caller. Raises Unauthenticated, RateLimited."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What the endpoints stand on; the composition root puts it on `app.state.edge`."""

    db: Database
    authenticate: Authenticate


class StrictRequest(Request):
    """A request whose body is bounded and read strictly."""

    async def body(self) -> bytes:
        """The raw body, at most MAX_BODY_BYTES, or what its route allows as `body_limit`."""
        if not hasattr(self, "_body"):
            self._body = await read_body(self, self.scope.get("body_limit", MAX_BODY_BYTES))
        return self._body

    async def json(self) -> Any:  # noqa: ANN401 - JSON is anything until a model has read it
        """The body as strict JSON."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


@dataclass(frozen=True, slots=True)
class _Demand:
    """Refuses a caller without `permission`; of a customer's token `own` is asked instead, and without it none is let in."""

    permission: str
    own: str | None = None

    def __call__(self, request: Request) -> None:
        """Raise PermissionMissing unless the caller has it."""
        principal: Principal = request.state.principal
        principal.demand(self.own if self.own is not None and principal.customer_id is not None else self.permission)


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class TransactionalRoute(APIRoute):
    """A route that runs in one transaction, with idempotency for POST."""

    def get_route_handler(self) -> Handler:
        """The endpoint inside its transaction; the answer is given only after the commit."""
        endpoint = super().get_route_handler()
        demands = [asked.dependency for asked in self.dependencies if isinstance(asked.dependency, _Demand)]

        async def answer(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            edge: Edge = strict.app.state.edge
            principal = replace(await edge.authenticate(strict), request_id=strict.state.request_id)
            strict.state.principal = principal
            for demand in demands:  # here, since a stored answer too is only for those who may ask for it
                demand(strict)
            if principal.customer_id is not None and not demands:
                raise PermissionMissing(permission="own")  # an endpoint that says nothing is for no customer
            if "%00" in strict.url.query:
                raise TextUnstorable(loc=("query",))
            key = idempotency.key_of(strict, principal) if strict.method == "POST" else None
            read_only = strict.method in {"GET", "HEAD"}
            raw = b"" if read_only else await strict.body()
            if raw and "json" in strict.headers.get("content-type", "").lower():
                await strict.json()  # here, since FastAPI would hide what is wrong with a body it reads itself
            try:
                async with edge.db.transaction(principal, read_only=read_only) as tx:
                    strict.state.tx = tx
                    if key is None:
                        return await endpoint(strict)
                    return await _once(tx, key, idempotency.hash_request(strict, raw), endpoint, strict)
            except Refusal as refusal:
                if refusal.noted is not None:
                    async with edge.db.transaction(principal) as tx:
                        await refusal.noted(tx)
                raise

        return answer


async def _once(tx: Tx, key: str, request_hash: bytes, endpoint: Handler, request: Request) -> Response:
    stored = await idempotency.claim(tx, key, request_hash)
    if stored is not None:
        return stored.replay(request_hash)
    response = await endpoint(request)
    await idempotency.store(tx, key, response.status_code, getattr(request.state, "kept_answer", bytes(response.body)))
    return response


def keep_instead(request: Request, answer: BaseModel) -> None:
    """Store `answer` under the request's idempotency key in place of the real one, which shows a secret once.

    The same request again gets what was stored: it happens once, and the secret is told once.
    """
    request.state.kept_answer = answer.model_dump_json().encode()


def _tx(request: Request) -> Tx:
    tx: Tx = request.state.tx
    return tx


TxDep = Annotated[Tx, Depends(_tx)]


def requires(permission: str, *, own: str | None = None) -> Any:  # noqa: ANN401 - FastAPI says no more of what Depends() returns
    """A dependency that refuses a caller without `permission`; with `own`, a customer's token may ask too, for its own things."""
    return Depends(_Demand(permission, own))


def refusals(*kinds: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses that name each refusal an endpoint can give."""
    described: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        line = f"`{kind.documented_code or kind.code()}`: {(kind.__doc__ or '').strip()}"
        entry = described.setdefault(kind.status, {"model": Problem, "description": ""})
        entry["description"] = f"{entry['description']}\n\n{line}".strip()
    return described


_ALWAYS = (
    BodyNotJson,
    Unauthenticated,
    PermissionMissing,
    Forbidden,
    NotFound,
    Busy,
    BodyTooLarge,
    Invalid,
    RateLimited,
    DatabaseUnavailable,
)


def router(prefix: str, tag: str, *, permission: str | None = None) -> APIRouter:
    """A router whose endpoints run in one transaction each; with `permission`, all of them demand it."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=TransactionalRoute,
        responses=refusals(*_ALWAYS),
        dependencies=[requires(permission)] if permission else None,
    )
