"""Credits, debits and transfers: the hot roads, served by group commit.

The endpoints here say which move a request asks for, and by their signatures what the API's description says of it; the route
reads, commits and answers without FastAPI's machinery, which would cost more than the whole rest.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_type_hints

import msgspec
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vezne.kernel import idempotency
from vezne.kernel.body import parse_json, read_body
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.group_commit import Answer, GroupCommit
from vezne.kernel.http import Edge, RequestModel, TransactionalRoute, TxDep, refusals, requires, router
from vezne.kernel.ids import parse_id
from vezne.kernel.money import Money
from vezne.ledger import ReferenceBusy, ReferenceReused, Refused
from vezne.wallets import refusals as says
from vezne.wallets.api.schemas import (
    BatchCreditIn,
    BatchDebitIn,
    BatchIn,
    BatchOut,
    BatchTransferIn,
    CreditIn,
    DebitIn,
    TransactionOut,
    TransferIn,
    WalletId,
    reference_of,
    transaction_body,
)
from vezne.wallets.models import Credit, Debit, LotSpec, Move, Moved, Transfer
from vezne.wallets.operations.moves import move

BATCH_BODY_BYTES = 4 * 1024 * 1024
CREATED = 201

_EITHER = (
    says.WalletFrozen,
    says.WalletClosed,
    says.WalletCurrencyDiffers,
    says.ReferenceNeeded,
    ReferenceReused,
    ReferenceBusy,
    idempotency.IdempotencyKeyMalformed,
    idempotency.IdempotencyKeyReused,
)
_OUT = (
    says.InsufficientFunds,
    says.CreditsInsufficient,
    says.TransactionLimitExceeded,
    says.DailyAmountExceeded,
    says.DailyTransactionsExceeded,
)
_IN = (says.WalletFull, says.CreditLimitExceeded)
_BETWEEN = (says.SameWallet, says.WalletsDiffer, says.KindNotTransferable, says.TransferToOtherCustomer)


class MoveRoute(APIRoute):
    """A route whose endpoint tells the move a request asks for; it is committed together with others and answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as APIRoute
        super().__init__(*args, **kwargs)
        self.body_model: type[RequestModel] = get_type_hints(self.endpoint)["body"]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The answer, once what was asked is durable; the fast lane asks for it ahead of FastAPI's routing."""
        edge: Edge = request.app.state.edge
        principal = await edge.authenticate(request)
        principal.demand("wallets.write")
        raw = await read_body(request)
        key = idempotency.key_of(request)
        request_hash = b"" if key is None else idempotency.hash_request(request, raw)
        asked = self._read(request, raw)
        answer = await _commits(request).submit(principal, asked, key=key, request_hash=request_hash)
        headers = {idempotency.REPLAYED: "true"} if answer.replayed else None
        return Response(answer.body, answer.status, headers, "application/json")

    def _read(self, request: Request, raw: bytes) -> Move:
        try:
            body = self.body_model.model_validate(parse_json(raw))
        except ValidationError as error:
            errors = error.errors(include_url=False, include_context=False)
            raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in errors]) from None
        path = {name: parse_id("wal", text) for name, text in request.path_params.items()}
        asked: Move = self.endpoint(body=body, **path)
        return replace(asked, request_id=request.state.request_id)


class LargeBodyRoute(TransactionalRoute):
    """A route that takes bodies of up to BATCH_BODY_BYTES."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["body_limit"] = BATCH_BODY_BYTES
        await super().handle(scope, receive, send)


hot = router("/v1", "Wallets")
hot.route_class = MoveRoute
large = router("/v1", "Wallets")
large.route_class = LargeBodyRoute


@hot.post(
    "/wallets/{wallet_id}/credits",
    status_code=CREATED,
    response_model=TransactionOut,
    responses=refusals(*_EITHER, *_IN, says.WalletMissing, says.KindKeepsNoLots, says.LotLapsedAlready),
)
def credit(wallet_id: WalletId, body: CreditIn) -> Credit:
    """Put value into a wallet. Needs `wallets.write`."""
    return _credit(wallet_id, body)


@hot.post(
    "/wallets/{wallet_id}/debits",
    status_code=CREATED,
    response_model=TransactionOut,
    responses=refusals(*_EITHER, *_OUT, says.WalletMissing),
)
def debit(wallet_id: WalletId, body: DebitIn) -> Debit:
    """Take value out of a wallet; refused, leaving nothing behind, when there is not enough. Needs `wallets.write`."""
    return _debit(wallet_id, body)


@hot.post(
    "/transfers",
    status_code=CREATED,
    response_model=TransactionOut,
    responses=refusals(*_EITHER, *_OUT, *_IN, *_BETWEEN, says.WalletMissing),
)
def transfer(body: TransferIn) -> Transfer:
    """Take value out of one wallet into another; answers with the paying side. Needs `wallets.write`."""
    return _transfer(body)


@large.post(
    "/transfers/batch",
    status_code=CREATED,
    response_model=BatchOut,
    responses=refusals(ReferenceBusy),
    dependencies=[requires("wallets.write")],
)
async def transfer_batch(body: BatchIn, tx: TxDep) -> Response:
    """Up to 10,000 credits, debits and transfers in their order, in one transaction; one that is refused harms no other."""
    outcomes = await move(tx, [_batched(each) for each in body.moves])
    lines = [_batch_line(outcome) for outcome in outcomes]
    done = sum(isinstance(outcome, Moved) for outcome in outcomes)
    answer = {"done": done, "refused": len(outcomes) - done, "data": lines}
    return Response(msgspec.json.encode(answer), CREATED, media_type="application/json")


FAST = tuple(route for route in hot.routes if isinstance(route, MoveRoute))


async def _apply(tx: Tx, moves: Sequence[Move]) -> list[Answer | Refusal]:
    encode = msgspec.json.encode
    return [
        outcome.error if isinstance(outcome, Refused) else Answer(CREATED, encode(transaction_body(outcome.transaction)))
        for outcome in await move(tx, moves)
    ]


def _commits(request: Request) -> "GroupCommit[Move]":
    """The process's group commit of moves."""
    state = request.app.state
    found: GroupCommit[Move] | None = getattr(state, "wallet_moves", None)
    if found is None:
        found = state.wallet_moves = GroupCommit(state.edge.db, _apply)
    return found


def _credit(wallet_id: WalletId, body: CreditIn) -> Credit:
    granted = body.type is not None or body.origin is not None or body.expires_at is not None
    return Credit(
        wallet_id=wallet_id,
        amount=Money(body.amount_minor, body.currency),
        lot=LotSpec(body.type or "purchased", body.origin or "", body.expires_at) if granted else None,
        reference=reference_of(body.reference),
        once=body.once,
        description=body.description,
        metadata=body.metadata,
    )


def _debit(wallet_id: WalletId, body: DebitIn) -> Debit:
    return Debit(
        wallet_id=wallet_id,
        amount=Money(body.amount_minor, body.currency),
        reference=reference_of(body.reference),
        once=body.once,
        description=body.description,
        metadata=body.metadata,
    )


def _transfer(body: TransferIn) -> Transfer:
    return Transfer(
        from_wallet_id=body.from_wallet_id,
        to_wallet_id=body.to_wallet_id,
        amount=Money(body.amount_minor, body.currency),
        reference=reference_of(body.reference),
        once=body.once,
        description=body.description,
        metadata=body.metadata,
    )


def _batched(body: BatchCreditIn | BatchDebitIn | BatchTransferIn) -> Move:
    if isinstance(body, BatchTransferIn):
        return _transfer(body)
    return _credit(body.wallet_id, body) if isinstance(body, BatchCreditIn) else _debit(body.wallet_id, body)


def _batch_line(outcome: Moved | Refused) -> dict[str, Any]:
    if isinstance(outcome, Moved):
        return {"status": "done", "transaction": transaction_body(outcome.transaction), "error": None}
    error = {"code": outcome.error.documented_code or outcome.error.code(), "detail": outcome.error.detail}
    return {"status": "refused", "transaction": None, "error": error}
