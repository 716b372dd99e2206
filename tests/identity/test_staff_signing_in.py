"""Signing in to the console, and what stands in the way of somebody who guesses."""

import asyncio
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pyotp
import pytest

from staff_fixtures import PASSWORD, behind, invited, joined, sign_in, visitor
from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.identity.models_staff import FREE_GUESSES, LONGEST_PAUSE, SecondFactorOn, pause_after
from vezne.kernel import clock
from vezne.kernel.db import Database

Owner = asyncpg.Connection
WRONG = "not the password at all"


async def events(db: Database, tenant: TestTenant, type_: str) -> int:
    """How often something happened."""
    async with db.transaction(tenant.principal) as tx:
        count: int = await tx.fetchval("SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2", tx.tenant_id, type_)
    return count


async def with_second_factor(db: Database, tenant: TestTenant, person: identity.Staff) -> tuple[pyotp.TOTP, list[str], str]:
    """Their authenticator, their recovery codes, and the session in which they set it up."""
    token = await sign_in(db, tenant, person)
    signed = await behind(db, tenant, token)
    async with db.transaction(signed.principal) as tx:
        proposal = await identity.propose(tx, signed, issuer="Kampüs")
    totp = pyotp.TOTP(proposal.secret)
    async with db.transaction(signed.principal) as tx:
        codes = await identity.confirm(tx, signed, totp.at(clock.real_now() - timedelta(seconds=30)))
    return totp, codes, token


async def test_a_session_is_its_holders_alone(db: Database, tenant: TestTenant, other_tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    token = await sign_in(db, tenant, person)
    assert (await behind(db, tenant, token)).staff.id == person.id
    for nobody in (token[:-1] + ("A" if token[-1] != "A" else "B"), "", "x" * 5000):
        with pytest.raises(identity.SessionOver):
            await behind(db, tenant, nobody)
    with pytest.raises(identity.SessionOver):
        await behind(db, other_tenant, token)
    assert await events(db, tenant, "staff.signed_in") == 2  # once by the invitation


async def test_each_sign_in_has_a_token_of_its_own_and_signing_out_ends_one(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    first, second = await sign_in(db, tenant, person), await sign_in(db, tenant, person, email=person.email.upper())
    assert first != second
    signed = await behind(db, tenant, first)
    for _ in range(2):
        async with db.transaction(signed.principal) as tx:
            await identity.sign_out(tx, signed)
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, first)
    await behind(db, tenant, second)
    async with db.transaction(tenant.principal) as tx:
        assert len(await identity.sessions_of(tx, person.id)) == 1
        assert await identity.sign_out_everywhere(tx, person.id) == 1


@pytest.mark.parametrize("column", ["seen_at", "expires_at"])
async def test_a_session_ends_when_it_is_left_alone_or_too_old(
    db: Database, tenant: TestTenant, owner: Owner, column: str
) -> None:
    person = await joined(db, tenant)
    token = await sign_in(db, tenant, person)
    late = {"seen_at": "121 minutes", "expires_at": "12 hours 1 minute"}[column]
    await owner.execute(
        f"UPDATE staff_sessions SET {column} = {column} - $1::text::interval WHERE staff_id = $2", late, person.id
    )
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, token)


async def test_a_session_in_use_is_seen_again(db: Database, tenant: TestTenant, owner: Owner) -> None:
    person = await joined(db, tenant)
    token = await sign_in(db, tenant, person)
    await owner.execute("UPDATE staff_sessions SET seen_at = seen_at - interval '100 minutes' WHERE staff_id = $1", person.id)
    await behind(db, tenant, token)
    assert (await behind(db, tenant, token)).session.seen_at > clock.real_now() - timedelta(minutes=1)


async def test_a_held_test_clock_keeps_no_session_alive_and_ends_none(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    async with db.transaction(tenant.principal) as tx:
        await clock.hold(tx, tx.now + timedelta(days=400))
    signed = await behind(db, tenant, await sign_in(db, tenant, person))
    assert signed.session.expires_at < clock.real_now() + timedelta(days=1)


async def test_wrong_password_unknown_email_and_no_password_yet_are_told_alike(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    fresh, _ = await invited(db, tenant)
    took = []
    for email in (person.email, "nobody@example.org", fresh.email):
        begun = time.monotonic()
        with pytest.raises(identity.SignInRefused) as refused:
            await sign_in(db, tenant, person, WRONG, email=email)
        took.append(time.monotonic() - begun)
        assert refused.value.detail == "E-mail or password is not right."
    assert min(took) >= 0.4
    assert await events(db, tenant, "staff.refused") == 2  # of nobody there is nothing to tell


async def test_after_a_few_wrong_guesses_even_the_right_one_waits(db: Database, tenant: TestTenant, owner: Owner) -> None:
    person = await joined(db, tenant)
    for number in range(FREE_GUESSES):
        with pytest.raises(identity.SignInRefused):
            await sign_in(db, tenant, person, WRONG, address=f"198.51.100.{number}")
    with pytest.raises(identity.SignInRefused):
        await sign_in(db, tenant, person, address="203.0.113.9")
    row = await owner.fetchrow("SELECT refusals, paused_until FROM staff WHERE id = $1", person.id)
    assert row is not None
    assert row["refusals"] == FREE_GUESSES  # who waits is not counted: a pause does not grow by being asked
    await owner.execute("UPDATE staff SET paused_until = paused_until - interval '31 s' WHERE id = $1", person.id)
    await sign_in(db, tenant, person, address="203.0.113.9")
    assert await owner.fetchval("SELECT refusals FROM staff WHERE id = $1", person.id) == 0


async def test_many_guesses_at_once_count_each(db: Database, tenant: TestTenant, owner: Owner) -> None:
    person = await joined(db, tenant)
    guesses = [sign_in(db, tenant, person, WRONG, address=f"198.51.100.{number}") for number in range(8)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(answer, identity.SignInRefused) for answer in answers)
    assert await owner.fetchval("SELECT refusals FROM staff WHERE id = $1", person.id) == FREE_GUESSES


async def test_one_address_may_not_try_out_many_emails(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    guesses = [sign_in(db, tenant, person, WRONG, email=f"n{number}@example.org", address="198.51.100.7") for number in range(15)]
    await asyncio.gather(*guesses, return_exceptions=True)
    with pytest.raises(identity.SignInTooOften) as refused:
        await sign_in(db, tenant, person, address="198.51.100.7")
    assert refused.value.retry_after == 60
    await sign_in(db, tenant, person, address="198.51.100.8")


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    assert [pause_after(number).total_seconds() for number in (1, 4, 5, 6, 7)] == [0, 0, 30, 60, 120]
    assert pause_after(10_000) == LONGEST_PAUSE


async def test_the_second_step_is_asked_for_and_a_code_is_good_once(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    totp, codes, setting_up = await with_second_factor(db, tenant, person)
    assert len(set(codes)) == 10
    await behind(db, tenant, setting_up)
    half = await sign_in(db, tenant, person)
    signed = await behind(db, tenant, half)
    assert signed.session.stage == "second_factor"
    code = totp.at(clock.real_now())
    made = await identity.prove(db, signed, f" {code[:3]} {code[3:]} ", client="")
    assert (await behind(db, tenant, made.token)).session.stage == "open"
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, half)  # a new token: the one before the second step is worth nothing any more
    second = await behind(db, tenant, await sign_in(db, tenant, person))
    with pytest.raises(identity.CodeRefused):
        await identity.prove(db, second, code, client="")


async def test_a_recovery_code_is_good_once(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    _, codes, _ = await with_second_factor(db, tenant, person)
    signed = await behind(db, tenant, await sign_in(db, tenant, person))
    await identity.prove(db, signed, f"{codes[3][:5]}-{codes[3][5:].upper()}", client="")
    signed = await behind(db, tenant, await sign_in(db, tenant, person))
    with pytest.raises(identity.CodeRefused):
        await identity.prove(db, signed, codes[3], client="")
    await identity.prove(db, signed, codes[4], client="")


async def test_guessing_codes_is_paused_too(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    totp, _, _ = await with_second_factor(db, tenant, person)
    signed = await behind(db, tenant, await sign_in(db, tenant, person))
    right = totp.at(clock.real_now())
    for number in range(FREE_GUESSES):
        with pytest.raises(identity.CodeRefused):
            await identity.prove(db, signed, f"{(int(right) + 1 + number) % 10**6:06}", client="")
    with pytest.raises(identity.CodeRefused):
        await identity.prove(db, signed, totp.at(clock.real_now()), client="")
    with pytest.raises(identity.SignInRefused):
        await sign_in(db, tenant, person)


async def test_the_secret_is_sealed_and_stays_the_same_until_it_is_confirmed(
    db: Database, tenant: TestTenant, owner: Owner
) -> None:
    person = await joined(db, tenant)
    signed = await behind(db, tenant, await sign_in(db, tenant, person))
    async with db.transaction(signed.principal) as tx:
        first, again = [await identity.propose(tx, signed, issuer="Kampüs") for _ in range(2)]
    assert first == again
    assert parse_qs(urlsplit(first.uri).query)["issuer"] == ["Kampüs"]
    kept = await owner.fetchval("SELECT totp_secret FROM staff WHERE id = $1", person.id)
    assert first.secret.encode() not in kept
    async with db.transaction(signed.principal) as tx:
        with pytest.raises(identity.CodeRefused):
            await identity.confirm(tx, signed, "000000" if pyotp.TOTP(first.secret).now() != "000000" else "000001")
    assert (await behind(db, tenant, await sign_in(db, tenant, person))).session.stage == "open"


async def test_the_second_step_is_removed_by_password_or_by_who_resets_the_account(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    _, _, token = await with_second_factor(db, tenant, person)
    signed = await behind(db, tenant, token)
    async with db.transaction(signed.principal) as tx:
        with pytest.raises(SecondFactorOn):
            await identity.propose(tx, signed, issuer="Kampüs")
    with pytest.raises(identity.SignInRefused):
        await identity.remove(db, signed, WRONG)
    await identity.remove(db, signed, PASSWORD)
    await identity.remove(db, signed, PASSWORD)
    assert (await behind(db, tenant, token)).staff.second_factor is False
    await with_second_factor(db, tenant, person)
    async with db.transaction(tenant.principal) as tx:
        _, link = await identity.invite_again(tx, person.id, without_second_factor=True)
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, token)
    made = await identity.accept_invitation(db, visitor(tenant), link.token, PASSWORD, client="")
    assert made.stage == "open"


async def test_a_new_password_by_link_still_asks_for_the_second_step(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    await with_second_factor(db, tenant, person)
    async with db.transaction(tenant.principal) as tx:
        _, link = await identity.invite_again(tx, person.id)
    made = await identity.accept_invitation(db, visitor(tenant), link.token, PASSWORD + "!", client="")
    assert made.stage == "second_factor"


async def test_changing_the_password_ends_the_other_sessions(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    mine, elsewhere = await sign_in(db, tenant, person), await sign_in(db, tenant, person)
    signed = await behind(db, tenant, mine)
    with pytest.raises(identity.SignInRefused):
        await identity.change_password(db, signed, WRONG, PASSWORD + "!")
    with pytest.raises(identity.PasswordTooShort):
        await identity.change_password(db, signed, PASSWORD, "short")
    await identity.change_password(db, signed, PASSWORD, PASSWORD + "!")
    await behind(db, tenant, mine)
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, elsewhere)
    with pytest.raises(identity.SignInRefused):
        await sign_in(db, tenant, person)
    await sign_in(db, tenant, person, PASSWORD + "!")


async def test_guessing_the_password_in_a_stolen_session_ends_it(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    signed = await behind(db, tenant, token := await sign_in(db, tenant, person))
    for _ in range(FREE_GUESSES + 1):
        with pytest.raises(identity.SignInRefused):
            await identity.change_password(db, signed, WRONG, PASSWORD + "!")
    with pytest.raises(identity.SessionOver):
        await behind(db, tenant, token)


async def test_a_form_token_belongs_to_one_session(db: Database, tenant: TestTenant) -> None:
    person = await joined(db, tenant)
    first, second = await sign_in(db, tenant, person), await sign_in(db, tenant, person)
    assert identity.form_token_matches(first, identity.form_token(first))
    assert not identity.form_token_matches(second, identity.form_token(first))
    assert not identity.form_token_matches(first, "")
    assert not identity.form_token_matches(first, "ü")
