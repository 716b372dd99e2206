"""The door: signing in with and without a second step, invitations, signing out, and what cookies and forms guard."""

import pyotp
import pytest

from console_fixtures import Office, forms_of, text_of
from staff_fixtures import PASSWORD, behind, invited, joined
from vezne import identity


async def test_who_is_not_signed_in_is_led_to_the_door_and_back(office: Office) -> None:
    person = await joined(office.db, office.tenant)
    visitor = await office.visitor()
    led = await visitor.get("/orders", status="pending")
    assert led.status_code == 303
    assert led.headers["location"] == f"{office.root}/sign-in?next=%2Forders%3Fstatus%3Dpending"
    page = (await visitor.http.get(led.headers["location"])).text
    hidden = forms_of(page)[0][1]
    assert hidden["next"] == "/orders?status=pending"
    answer = await visitor.send("/sign-in", {"email": person.email, "password": PASSWORD, "next": hidden["next"]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{office.root}/orders?status=pending")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"vezne-{office.slug}=")
    assert {"httponly", "samesite=lax", f"path={office.root}"} <= set(cookie.lower().split("; "))
    assert (await visitor.get("/orders")).status_code == 200
    assert (await visitor.get("/sign-in")).status_code == 303


async def test_with_https_the_cookie_is_one_that_nothing_else_can_set(office: Office) -> None:
    person = await joined(office.db, office.tenant)
    visitor = await office.visitor()
    app_gateways = office.gateways
    object.__setattr__(app_gateways, "public_url", "https://desk.example")
    answer = await visitor.send("/sign-in", {"email": person.email, "password": PASSWORD}, Origin="https://desk.example")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-vezne-{office.slug}=")
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(cookie.lower().split("; "))
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "javascript:alert(1)"])
async def test_nobody_is_led_elsewhere(office: Office, wanted: str) -> None:
    person = await joined(office.db, office.tenant)
    visitor = await office.visitor()
    answer = await visitor.send("/sign-in", {"email": person.email, "password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == office.root


async def test_a_wrong_password_is_told_without_saying_what_was_wrong(office: Office) -> None:
    person = await joined(office.db, office.tenant)
    visitor = await office.visitor()
    pages = []
    for email in (person.email, "nobody@example.org"):
        answer = await visitor.send("/sign-in", {"email": email, "password": "wrong wrong wrong"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        pages.append(answer.text.replace(email, "EMAIL"))
    assert pages[0] == pages[1]
    assert "wrong wrong" not in pages[0]


async def test_too_many_wrong_passwords_from_one_address_are_told_to_wait(office: Office) -> None:
    visitor = await office.visitor()
    for number in range(15):
        await visitor.send("/sign-in", {"email": f"n{number}@example.org", "password": "wrong wrong wrong"})
    answer = await visitor.send("/sign-in", {"email": "n@example.org", "password": "wrong wrong wrong"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert "Too many tries" in answer.text


async def test_the_second_step_is_set_up_asked_for_and_removed(office: Office) -> None:
    clerk = await office.clerk()
    assert clerk.person is not None
    page = await clerk.see("/account/second-step")
    assert "<svg" in page
    secret = page.split('font-mono wrap-anywhere">')[1].split("<")[0].replace(" ", "")
    wrong = await clerk.fill("/account/second-step", "/account/second-step", code="000000")
    assert "problem=code_refused" in wrong.headers["location"]
    codes = await clerk.fill("/account/second-step", "/account/second-step", code=pyotp.TOTP(secret).now())
    assert codes.text.count("<li>") >= 10
    recovery = codes.text.split('<ul class="codes"><li>')[1].split("<")[0]
    visitor = await office.visitor()
    answer = await visitor.send("/sign-in", {"email": clerk.person.email, "password": PASSWORD, "next": "/orders"})
    assert answer.headers["location"].startswith(f"{office.root}/sign-in/code")
    assert (await visitor.get("/orders")).headers["location"].startswith(f"{office.root}/sign-in")
    asked = (await visitor.http.get(answer.headers["location"])).text
    hidden = next(fields for where, fields in forms_of(asked) if where.endswith("/sign-in/code"))
    refused = await visitor.send("/sign-in/code", {**hidden, "code": "123456"})
    assert refused.status_code == 401
    passed = await visitor.send("/sign-in/code", {**hidden, "code": recovery})
    assert passed.headers["location"] == f"{office.root}/orders"
    assert (await visitor.get("/orders")).status_code == 200
    page = await clerk.do("/account", "/account/second-step/removal", password=PASSWORD)
    assert "The second step is off" in page


async def test_an_invitation_is_taken_up_in_the_browser(office: Office) -> None:
    person, token = await invited(office.db, office.tenant, "support")
    visitor = await office.visitor()
    page = await visitor.see(f"/invitations/{token}")
    assert person.email in page
    short = await visitor.send(f"/invitations/{token}", {"password": "short", "again": "short"})
    assert (short.status_code, "at least 12" in short.text) == (422, True)
    other = await visitor.send(f"/invitations/{token}", {"password": PASSWORD, "again": PASSWORD + "!"})
    assert (other.status_code, "not the same" in other.text) == (422, True)
    answer = await visitor.send(f"/invitations/{token}", {"password": PASSWORD, "again": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, office.root)
    assert (await visitor.get("")).status_code == 200
    again = await (await office.visitor()).get(f"/invitations/{token}")
    assert (again.status_code, "cannot be shown" in again.text) == (410, True)


async def test_signing_out_ends_the_session_itself(office: Office) -> None:
    clerk = await office.clerk()
    assert clerk.token is not None
    answer = await clerk.fill("", "/sign-out")
    assert answer.headers["location"].startswith(f"{office.root}/sign-in")
    clerk.http.cookies.set(f"vezne-{office.slug}", clerk.token, path=office.root)
    assert (await clerk.get("/orders")).status_code == 303
    with pytest.raises(identity.SessionOver):
        await behind(office.db, office.tenant, clerk.token)


async def test_a_session_of_one_tenant_opens_nothing_of_another(office: Office) -> None:
    clerk = await office.clerk()
    other = await identity.create_tenant(office.db, slug=f"x{office.slug[:30]}", name="Other")
    clerk.http.cookies.set(f"vezne-{other.slug}", clerk.token or "", path=f"/console/{other.slug}")
    answer = await clerk.http.get(f"/console/{other.slug}/orders")
    assert (answer.status_code, answer.headers["location"].startswith(f"/console/{other.slug}/sign-in")) == (303, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_a_form_from_another_site_does_nothing(office: Office, headers: dict[str, str]) -> None:
    clerk = await office.clerk()
    person, token = await invited(office.db, office.tenant)
    for path, fields in (
        ("/sign-out", {}),
        ("/staff", {"email": "evil@example.org", "name": "Evil", "role": "owner"}),
        (f"/invitations/{token}", {"password": PASSWORD, "again": PASSWORD}),
    ):
        answer = await clerk.send(path, fields, **headers)
        assert answer.status_code == 403, path
        assert "Nothing was done" in text_of(answer.text)
    assert (await clerk.get("/orders")).status_code == 200
    assert "evil@example.org" not in await clerk.see("/staff")
    assert person.email in await (await office.visitor()).see(f"/invitations/{token}")


async def test_a_form_without_its_sessions_token_does_nothing(office: Office) -> None:
    clerk, other = await office.clerk(), await office.clerk()
    for given in ("", "nonsense", identity.form_token(other.token or "")):
        answer = await clerk.send("/staff", {"email": "forged@example.com", "name": "E", "role": "viewer", "form_token": given})
        assert answer.status_code == 403
    bare = await clerk.http.post(f"{office.root}/staff", data={"form_token": identity.form_token(clerk.token or "")})
    assert bare.status_code == 403
    assert "forged@example.com" not in await clerk.see("/staff")


async def test_a_form_that_is_too_large_or_none_at_all_is_refused(office: Office) -> None:
    clerk = await office.clerk()
    large = await clerk.send("/staff", {"name": "x" * 70_000})
    assert large.status_code == 413
    bytes_ = await clerk.http.post(f"{office.root}/staff", content=b"\xff\xfe", headers={"Origin": office.url})
    assert bytes_.status_code == 400
    nul = await clerk.send("/staff", {"name": "a\x00b", "email": "n@example.org", "role": "viewer"})
    assert nul.status_code == 422


async def test_a_session_that_ended_meanwhile_loses_its_form_and_says_so(office: Office) -> None:
    clerk = await office.clerk()
    assert clerk.person is not None
    async with office.db.transaction(office.principal) as tx:
        await identity.end_sessions(tx, clerk.person.id, why="test")
    answer = await clerk.send("/staff", {"email": "e@example.org", "name": "E", "role": "viewer"})
    assert answer.status_code == 303
    page = await clerk.http.get(answer.headers["location"])
    assert "what you sent was not done" in page.text


async def test_the_password_is_changed_and_other_sessions_end(office: Office) -> None:
    clerk = await office.clerk()
    assert clerk.person is not None
    fields = {"password": "wrong wrong wrong", "new_password": PASSWORD + "!", "again": PASSWORD + "!"}
    wrong = await clerk.fill("/account", "/account/password", **fields)
    assert "The present password is not right" in text_of((await clerk.http.get(wrong.headers["location"])).text)
    page = await clerk.do("/account", "/account/password", **(fields | {"password": PASSWORD}))
    assert "The password is changed" in page


async def test_the_language_chosen_stays(office: Office) -> None:
    clerk = await office.clerk()
    assert "Siparişler" in await clerk.see("/orders", lang="tr")
    assert "Siparişler" in await clerk.see("/orders")
    assert '<html lang="en">' in await clerk.see("/orders", lang="en")
