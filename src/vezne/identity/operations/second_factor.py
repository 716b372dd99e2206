"""The second step of a sign-in: codes of an authenticator (TOTP, RFC 6238), and recovery codes for the day it is lost."""

import hmac
from uuid import UUID

import pyotp

from vezne.identity import queries_staff
from vezne.identity.events import SessionEnded, StaffChanged
from vezne.identity.models_staff import (
    CodeRefused,
    NewSession,
    Proof,
    Proposal,
    SecondFactorOff,
    SecondFactorOn,
    SessionOver,
    SignedIn,
    SignInRefused,
    Staff,
    check_password,
    fresh_recovery_codes,
    recovery_hash,
)
from vezne.identity.operations.signing_in import begin_session, count_refusal, hash_password, password_matches
from vezne.identity.operations.staff import end_sessions
from vezne.kernel import clock
from vezne.kernel.db import Database, Tx

PERIOD_SECONDS = 30
CODE_DIGITS = 6


async def prove(db: Database, signed: SignedIn, code: str, *, client: str) -> NewSession:
    """The second step of signing in: an authenticator's code, or a recovery code. A new session with a new token begins.

    Raises CodeRefused, SessionOver.
    """
    if signed.session.stage != "second_factor":
        raise SessionOver
    made = None
    async with db.transaction(signed.principal) as tx:
        person, proof = await _locked(tx, signed)
        now = clock.real_now()
        if proof.paused_until is None or now >= proof.paused_until:
            if await _use_code(tx, person.id, proof, code):
                await queries_staff.mark_session_ended(tx, signed.session.id, now)
                made = await begin_session(tx, person, "open", client, with_code=True)
                await queries_staff.mark_signed_in(tx, person.id, now)
            else:
                await count_refusal(tx, person.id, proof.refusals, "code")
    if made is None:
        raise CodeRefused(loc=("body", "code"))
    return made


async def propose(tx: Tx, signed: SignedIn, *, issuer: str) -> Proposal:
    """A secret for an authenticator, to be confirmed by a code of it; the same one until it is. Raises SecondFactorOn."""
    person, proof = await _locked(tx, signed)
    if proof.totp_since is not None:
        raise SecondFactorOn
    secret = pyotp.random_base32() if proof.totp_secret is None else tx.vault.open(proof.totp_secret).decode()
    if proof.totp_secret is None:
        sealed = tx.vault.seal(secret.encode())
        await queries_staff.update_second_factor(tx, person.id, secret=sealed, since=None, step=0, recovery=[])
    return Proposal(secret, pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=issuer))


async def confirm(tx: Tx, signed: SignedIn, code: str) -> list[str]:
    """Turn the second step on by a code of the authenticator; the recovery codes, told here only. Other sessions end.

    Raises CodeRefused, SecondFactorOff, SecondFactorOn.
    """
    person, proof = await _locked(tx, signed)
    if proof.totp_since is not None:
        raise SecondFactorOn
    if proof.totp_secret is None:
        raise SecondFactorOff
    step = _step_of(tx.vault.open(proof.totp_secret).decode(), code, proof.totp_step)
    if step is None:
        raise CodeRefused(loc=("body", "code"))
    codes = fresh_recovery_codes()
    await queries_staff.update_second_factor(
        tx,
        person.id,
        secret=proof.totp_secret,
        since=clock.real_now(),
        step=step,
        recovery=[recovery_hash(each) for each in codes],
    )
    await tx.publish(StaffChanged(staff_id=person.id, changed=["second_factor"]))
    await end_sessions(tx, person.id, why="second_factor_added", but=signed.session.id)
    return codes


async def remove(db: Database, signed: SignedIn, password: str) -> None:
    """Turn the second step off, by password. Again: nothing. Raises SignInRefused."""
    hash_ = await _proven(db, signed, password)
    async with db.transaction(signed.principal) as tx:
        person, proof = await _locked(tx, signed)
        if proof.password_hash != hash_:
            raise SignInRefused
        if proof.totp_secret is None:
            return
        await queries_staff.update_second_factor(tx, person.id, secret=None, since=None, step=0, recovery=[])
        await tx.publish(StaffChanged(staff_id=person.id, changed=["second_factor"]))


async def change_password(db: Database, signed: SignedIn, password: str, new_password: str) -> None:
    """Choose another password, by the present one; every other session is ended.

    Raises SignInRefused, PasswordTooShort, PasswordTooLong, PasswordGuessable.
    """
    check_password(new_password, signed.staff)
    before = await _proven(db, signed, password)
    after = await hash_password(new_password)
    async with db.transaction(signed.principal) as tx:
        person, proof = await _locked(tx, signed)
        if proof.password_hash != before:
            raise SignInRefused
        await queries_staff.update_password(tx, person.id, after)
        await tx.publish(StaffChanged(staff_id=person.id, changed=["password"]))
        await end_sessions(tx, person.id, why="password_changed", but=signed.session.id)


async def _proven(db: Database, signed: SignedIn, password: str) -> str:
    """The hash that `password` matches; a wrong one counts as a wrong sign-in. Raises SignInRefused."""
    async with db.transaction(signed.principal, read_only=True) as tx:
        found = await queries_staff.select_proof(tx, signed.staff.email)
    hash_ = found[1].password_hash if found else None
    if await password_matches(hash_, password) and hash_ is not None:
        return hash_
    ended = False
    async with db.transaction(signed.principal) as tx:
        person, proof = await _locked(tx, signed)
        await count_refusal(tx, person.id, proof.refusals, "password")
        if proof.paused_until is not None:  # somebody at an open session guesses: it is not worth more than the password
            ended = await queries_staff.mark_session_ended(tx, signed.session.id, clock.real_now())
            if ended:
                await tx.publish(SessionEnded(session_id=signed.session.id, staff_id=person.id, why="guessing"))
    raise SignInRefused(loc=("body", "password"))


async def _use_code(tx: Tx, staff_id: UUID, proof: Proof, code: str) -> bool:
    """Whether `code` is good, now and never again."""
    if proof.totp_secret is None or proof.totp_since is None:
        return False
    left = list(proof.recovery)
    step = _step_of(tx.vault.open(proof.totp_secret).decode(), code, proof.totp_step)
    used = recovery_hash(code)
    if step is None and used not in left:
        return False
    if step is None:
        left.remove(used)
    await queries_staff.update_second_factor(
        tx, staff_id, secret=proof.totp_secret, since=proof.totp_since, step=step or proof.totp_step, recovery=left
    )
    return True


def _step_of(secret: str, code: str, used: int) -> int | None:
    """Which half minute a code belongs to: this one, or one beside it for clocks that differ; never one already used."""
    digits = "".join(char for char in code if char.isascii() and char.isdigit())
    if len(digits) != CODE_DIGITS:
        return None
    present = int(clock.real_now().timestamp()) // PERIOD_SECONDS
    totp = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        if step > used and hmac.compare_digest(totp.generate_otp(step), digits):
            return step
    return None


async def _locked(tx: Tx, signed: SignedIn) -> tuple[Staff, Proof]:
    found = await queries_staff.lock_staff(tx, signed.staff.id)
    if found is None or not found[0].active:
        raise SessionOver
    return found
