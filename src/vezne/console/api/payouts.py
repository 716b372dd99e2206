"""Payouts: asked for by one person, approved or rejected by another, sent in a file, confirmed or failed."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from vezne import identity, settlements
from vezne.console.api.listing import ROWS, id_of, window
from vezne.console.api.reading_forms import amount_of
from vezne.console.api.route import Form, act, form_of, inside, pages
from vezne.console.api.settlements import owed_to, payees_of
from vezne.console.api.visit import Visit
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.money import Money, exponent

api = pages()

_STATUSES = [status.value for status in settlements.PayoutStatus]
_TYPES = {"csv": "text/csv; charset=utf-8", "pain001": "application/xml"}


class PayoutNotChosen(Invalid):
    """Choose at least one payout."""


class ReasonMissing(Invalid):
    """Say why: 1 to 500 characters."""


@api.get("/payouts")
async def show_payouts(request: Request, slug: str) -> Response:
    """Payouts, newest first; those that wait for somebody, and what could be paid out, above them."""
    visit = await inside(request, slug, "settlements.read")
    asked = window(visit, "/payouts", "pot", status=_STATUSES)
    wanted = settlements.PayoutStatus(asked["status"]) if asked["status"] else None
    async with visit.reading() as tx:
        part = asked.part(await settlements.payouts(tx, status=wanted, before=asked.before, limit=ROWS + 1))
        approved = await settlements.payouts(tx, status=settlements.PayoutStatus.APPROVED, limit=100)
        payees = await payees_of(tx)
        due = [(payee, owed) for payee, owed in await owed_to(tx, payees) if owed.available > 0]
        known = {each.id: each for each in payees}
        for each in part.rows:
            if each.payee_id not in known:
                known[each.payee_id] = await identity.payee(tx, each.payee_id)
    to_file = [each for each in approved if each.file_id is None]
    return visit.show("payouts", part=part, due=due, known=known, to_file=to_file, statuses=_STATUSES, amount=Money)


@api.post("/payouts")
async def ask(request: Request, slug: str) -> Response:
    """Ask for a payout of what is due, or of a part of it."""
    visit = await inside(request, slug, "payouts.request")
    form = await form_of(visit)

    async def work(tx: Tx) -> str:
        payee = await identity.payee(tx, id_of("pye", form["payee"]))
        exponent(form["currency"])
        part = amount_of(form["amount"], form["currency"]) if form["amount"] else None
        made = await settlements.request_payout(tx, payee.id, form["currency"], part, note=form["note"][:140])
        return f"/payouts/{public_id('pot', made.id)}"

    return await act(visit, form, "/payouts", work, done="payout_requested")


@api.post("/payouts/files")
async def make_file(request: Request, slug: str) -> Response:
    """A file for the bank, of the approved payouts that are chosen."""
    visit = await inside(request, slug, "payouts.approve", platform=True)
    form = await form_of(visit)

    async def work(tx: Tx) -> str:
        chosen = [id_of("pot", text) for text in form.all("payout")]
        if not chosen:
            raise PayoutNotChosen
        made = await settlements.make_file(tx, chosen, "csv" if form["format"] == "csv" else "pain001")
        return f"/payouts/{public_id('pot', made.payout_ids[0])}"

    return await act(visit, form, "/payouts", work, done="file_made")


@api.get("/payouts/files/{file_id}")
async def download(request: Request, slug: str, file_id: str) -> Response:
    """The file as it was made."""
    visit = await inside(request, slug, "payouts.approve", platform=True)
    async with visit.reading() as tx:
        found, content = await settlements.file_content(tx, id_of("fil", file_id))
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=_TYPES[found.format], headers=headers)


@api.get("/payouts/{payout_id}")
async def show_payout(request: Request, slug: str, payout_id: str) -> Response:
    """One payout, what it pays, and who did what."""
    visit = await inside(request, slug, "settlements.read")
    number = id_of("pot", payout_id)
    async with visit.reading() as tx:
        payout = await settlements.payout(tx, number)
        payee = await identity.payee(tx, payout.payee_id)
        items = [
            (item, (await settlements.settlement(tx, item.settlement_id))[0].settlement)
            for item in await settlements.payout_items(tx, number)
        ]
        people = {
            actor: await _name(visit, tx, actor)
            for actor in {payout.requested_by, payout.decided_by, payout.sent_by, payout.ended_by}
            if actor
        }
    is_mine = payout.requested_by == visit.principal.actor
    can_decide = visit.may("payouts.approve") and visit.principal.payee_id is None
    return visit.show(
        "payout", payout=payout, payee=payee, items=items, people=people, is_mine=is_mine, can_decide=can_decide, amount=Money
    )


Step = Callable[[Tx, UUID, Form], Awaitable[object]]


async def _approve(tx: Tx, payout_id: UUID, _: Form) -> object:
    return await settlements.approve(tx, payout_id)


async def _reject(tx: Tx, payout_id: UUID, form: Form) -> object:
    return await settlements.reject(tx, payout_id, _reason(form))


async def _sent(tx: Tx, payout_id: UUID, _: Form) -> object:
    return await settlements.dispatch(tx, payout_id)


async def _paid(tx: Tx, payout_id: UUID, form: Form) -> object:
    return await settlements.confirm(tx, payout_id, form["reference"][:140] or None)


async def _failed(tx: Tx, payout_id: UUID, form: Form) -> object:
    return await settlements.fail(tx, payout_id, _reason(form))


_STEPS: dict[str, tuple[Step, str]] = {
    "approval": (_approve, "payout_approved"),
    "rejection": (_reject, "payout_rejected"),
    "sending": (_sent, "payout_sent"),
    "arrival": (_paid, "payout_paid"),
    "failure": (_failed, "payout_failed"),
}


@api.post("/payouts/{payout_id}/{step}")
async def decide(request: Request, slug: str, payout_id: str, step: str) -> Response:
    """Move a payout on: approve, reject, say that it was sent, arrived or failed."""
    visit = await inside(request, slug, "payouts.approve", platform=True)
    if step not in _STEPS:
        raise UnknownId(text=step[:64])
    form = await form_of(visit)
    number, (move, done) = id_of("pot", payout_id), _STEPS[step]
    shown = f"/payouts/{payout_id}"

    async def work(tx: Tx) -> str:
        await move(tx, number, form)
        return shown

    return await act(visit, form, shown, work, done=done)


async def _name(visit: Visit, tx: Tx, actor: str) -> str:
    """Who an actor is, as people know them."""
    kind, _, rest = actor.partition(":")
    if kind != "staff":
        return visit.word("payout.by_system") if kind == "system" else visit.word("payout.by_key")
    try:
        return (await identity.staff_member(tx, parse_id("stf", rest))).name
    except (UnknownId, identity.StaffNotFound):
        return rest


def _reason(form: Form) -> str:
    reason = form["reason"]
    if not 1 <= len(reason) <= 500:  # noqa: PLR2004 - as the API takes it
        raise ReasonMissing(loc=("body", "reason"))
    return reason
