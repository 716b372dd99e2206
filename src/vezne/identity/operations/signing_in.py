"""Signing in to the console: password, second step, sessions.

What guards against guessing: argon2id; a pause after a few wrong tries in a row, for each account; a limit for each address;
and a refusal that takes the same time and says the same whether the e-mail is known, the password is wrong or the account
pauses, so that trying tells nothing. Passwords are hashed between transactions, in a thread: rows are not locked meanwhile.
"""

import asyncio
import hmac
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from vezne.identity import queries, queries_staff
from vezne.identity.events import SessionEnded, StaffJoined, StaffRefused, StaffSignedIn
from vezne.identity.models_staff import (
    SECOND_FACTOR_LIFE,
    SESSION_LIFE,
    InvitationOver,
    NewSession,
    SessionOver,
    SignedIn,
    SignInRefused,
    SignInTooOften,
    Staff,
    StaffSession,
    Stage,
    check_password,
    fresh_token,
    pause_after,
    token_hash,
)
from vezne.identity.operations.staff import end_sessions
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import new_id
from vezne.kernel.principal import Principal

REFUSED_AFTER_MILLISECONDS: Final = 400
"""How long a refused sign-in takes, whatever was wrong with it."""
SEEN_EVERY_SECONDS: Final = 60
_MOST_CLIENT = 200
_HASHER = PasswordHasher()  # argon2id by RFC 9106's second recommendation: 64 MiB, 3 passes
_GUESSES = (RateLimitItemPerMinute(15), RateLimitItemPerHour(100))
_limiter = MovingWindowRateLimiter(MemoryStorage())
_hashing = ThreadPoolExecutor(4, "passwords")  # 64 MiB each


async def sign_in(db: Database, who: Principal, *, email: str, password: str, address: str, client: str) -> NewSession:
    """A new session for whoever has this e-mail and password: open, or waiting for the second step.

    `who` is the visitor inside the tenant, `address` where they come from. Raises SignInRefused, SignInTooOften.
    """
    begun = asyncio.get_running_loop().time()
    key = f"{who.tenant_id} {address}"
    _refuse_too_often(key)
    async with db.transaction(who, read_only=True) as tx:
        found = await queries_staff.select_proof(tx, email.strip().lower())
    hash_ = found[1].password_hash if found else None
    right = await password_matches(hash_, password)
    made = None
    if found is not None:
        async with db.transaction(who) as tx:
            made = await _admit(tx, found[0].id, hash_ if right else None, client)
    if made is None:
        count_guess(key)
        await _until(begun)
        raise SignInRefused
    return made


async def _admit(tx: Tx, staff_id: UUID, proven: str | None, client: str) -> NewSession | None:
    """A session for whom the password hash `proven` let in; None, and the try counted, when it may not be let in."""
    locked = await queries_staff.lock_staff(tx, staff_id)
    now = clock.real_now()
    if locked is None or not locked[0].active or (locked[1].paused_until and now < locked[1].paused_until):
        return None
    person, proof = locked
    if proven is None or proof.password_hash != proven:
        await count_refusal(tx, person.id, proof.refusals, "password")
        return None
    if person.second_factor:
        return await begin_session(tx, person, "second_factor", client)
    made = await begin_session(tx, person, "open", client)
    await queries_staff.mark_signed_in(tx, staff_id, now)
    return made


async def count_refusal(tx: Tx, staff_id: UUID, refusals: int, step: str) -> None:
    """One more wrong try at a locked member of staff, and the pause it costs."""
    now = clock.real_now()
    pause = pause_after(refusals + 1)
    await queries_staff.update_refusals(tx, staff_id, refusals + 1, now + pause if pause else None)
    await tx.publish(StaffRefused(staff_id=staff_id, step=step, in_a_row=refusals + 1))


async def begin_session(tx: Tx, person: Staff, stage: Stage, client: str, *, with_code: bool = False) -> NewSession:
    """A session with a token of its own, which nobody knew before the sign-in."""
    now = clock.real_now()
    session = StaffSession(
        id=new_id(),
        staff_id=person.id,
        stage=stage,
        client=client[:_MOST_CLIENT],
        seen_at=now,
        expires_at=now + (SESSION_LIFE if stage == "open" else SECOND_FACTOR_LIFE),
        created_at=now,
    )
    token = fresh_token()
    await queries_staff.insert_session(tx, session, token_hash(token))
    if stage == "open":
        await tx.publish(StaffSignedIn(staff_id=person.id, session_id=session.id, with_code=with_code))
    return NewSession(token, stage)


async def session_of(db: Database, who: Principal, token: str) -> SignedIn:
    """Who is behind a session's token, at either stage. Raises SessionOver."""
    now = clock.real_now()
    async with db.transaction(who, read_only=True) as tx:
        signed = await _standing(tx, token, now)
    if (now - signed.session.seen_at).total_seconds() > SEEN_EVERY_SECONDS:
        async with db.transaction(who) as tx:
            await queries_staff.mark_session_seen(tx, signed.session.id, now)
    return signed


async def _standing(tx: Tx, token: str, now: datetime) -> SignedIn:
    found = await queries_staff.select_session(tx, token_hash(token))
    if found is None or not found[0].stands(now) or not found[1].active:
        raise SessionOver
    session, person = found
    livemode = bool(await queries.select_livemode(tx.connection, tx.tenant_id))
    return SignedIn(person, session, person.principal(tx.tenant_id, livemode=livemode))


async def sign_out(tx: Tx, signed: SignedIn) -> None:
    """End this one session. Again: nothing."""
    if await queries_staff.mark_session_ended(tx, signed.session.id, clock.real_now()):
        await tx.publish(SessionEnded(session_id=signed.session.id, staff_id=signed.staff.id, why="signed_out"))


async def invited(tx: Tx, token: str) -> Staff:
    """Whom an invitation invites. Raises InvitationOver."""
    staff_id = await queries_staff.select_invited(tx, token_hash(token), clock.real_now())
    person = None if staff_id is None else await queries_staff.select_staff(tx, staff_id)
    if person is None or not person.active:
        raise InvitationOver
    return person


async def accept_invitation(db: Database, who: Principal, token: str, password: str, *, client: str) -> NewSession:
    """Choose a password by an invitation, which is then used up, and begin a session; every earlier one is ended.

    Raises InvitationOver, PasswordTooShort, PasswordTooLong, PasswordGuessable.
    """
    async with db.transaction(who, read_only=True) as tx:
        check_password(password, await invited(tx, token))
    hash_ = await hash_password(password)
    async with db.transaction(who) as tx:
        person = await invited(tx, token)
        await queries_staff.lock_staff(tx, person.id)
        person = await invited(tx, token)  # of two at once, the second finds it used
        await queries_staff.mark_invitations_ended(tx, person.id, clock.real_now())
        await queries_staff.update_password(tx, person.id, hash_)
        await end_sessions(tx, person.id, why="password_changed")
        await tx.publish(StaffJoined(staff_id=person.id))
        stage: Stage = "second_factor" if person.second_factor else "open"
        made = await begin_session(tx, person, stage, client)
        if stage == "open":
            await queries_staff.mark_signed_in(tx, person.id, clock.real_now())
    return made


async def hash_password(password: str) -> str:
    """What is kept of a password: argon2id with a salt of its own."""
    return await asyncio.get_running_loop().run_in_executor(_hashing, _HASHER.hash, password)


async def password_matches(hash_: str | None, password: str) -> bool:
    """Whether `password` is the one behind `hash_`; without one, no, and that takes as long."""

    def verify() -> bool:
        try:
            _HASHER.verify(hash_ or _nobodys(), password)
        except (VerificationError, InvalidHashError):
            return False
        return hash_ is not None

    return await asyncio.get_running_loop().run_in_executor(_hashing, verify)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody has this password")


def form_token(token: str) -> str:
    """What each form of a session carries: another site's page cannot know it. Derived from the session's own token."""
    return hmac.new(token.encode(), b"vezne console form", "sha256").hexdigest()


def form_token_matches(token: str, given: str) -> bool:
    """Whether `given` is the session's form token."""
    return hmac.compare_digest(form_token(token).encode(), given.encode())


def _refuse_too_often(key: str) -> None:
    if not all(_limiter.test(limit, key) for limit in _GUESSES):
        raise SignInTooOften(retry_after_seconds=60, retry_after=60)


def count_guess(key: str) -> None:
    """One wrong try from an address."""
    for limit in _GUESSES:
        _limiter.hit(limit, key)


async def _until(begun: float) -> None:
    """Let so much time go by since `begun` that nothing can be told from it."""
    await asyncio.sleep(max(0, begun + REFUSED_AFTER_MILLISECONDS / 1000 - asyncio.get_running_loop().time()))
