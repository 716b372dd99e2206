"""Mail over HTTP: seen by those who may, its body only one at a time, and sent again as a mail of its own."""

import httpx2

from mail_fixtures import CLOSE, MailServer, PostOffice
from tenancy_fixtures import TestTenant
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.mail import Attachment

PDF = Attachment("receipt.pdf", "application/pdf", b"%PDF-1.7")


async def test_mail_is_listed_without_its_body_and_shown_with_it(
    http: httpx2.AsyncClient, tenant: TestTenant, post_office: PostOffice
) -> None:
    first = await post_office.post(about="ord_1", text="what was bought", html="<p>what was bought</p>", attachments=(PDF,))
    second = await post_office.post(to="bora@example.com")
    page = (await http.get("/v1/mails", params={"limit": 1}, headers=tenant.headers)).json()
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([public_id("eml", second)], True)
    rest = await http.get("/v1/mails", params={"limit": 1, "after": page["next"]}, headers=tenant.headers)
    assert [each["id"] for each in rest.json()["data"]] == [public_id("eml", first)]
    assert "what was bought" not in rest.text
    shown = (await http.get(f"/v1/mails/{public_id('eml', first)}", headers=tenant.headers)).json()
    assert (shown["text"], shown["html"]) == ("what was bought", "<p>what was bought</p>")
    assert shown["attachments"] == [{"name": "receipt.pdf", "media_type": "application/pdf", "size": 8}]
    for filters, found in (({"about": "ord_1"}, first), ({"to": "bora@example.com"}, second)):
        listed = (await http.get("/v1/mails", params=filters, headers=tenant.headers)).json()["data"]
        assert [each["id"] for each in listed] == [public_id("eml", found)]
    assert (await http.get("/v1/mails", params={"status": "sent"}, headers=tenant.headers)).json()["data"] == []


async def test_mail_of_another_tenant_is_not_there(
    http: httpx2.AsyncClient, other_tenant: TestTenant, post_office: PostOffice
) -> None:
    mail_id = public_id("eml", await post_office.post())
    assert (await http.get("/v1/mails", headers=other_tenant.headers)).json()["data"] == []
    for answer in (
        await http.get(f"/v1/mails/{mail_id}", headers=other_tenant.headers),
        await http.get(f"/v1/mails/{public_id('eml', new_id())}", headers=other_tenant.headers),
        await http.post(f"/v1/mails/{mail_id}/resends", headers=other_tenant.headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "mail_unknown")


async def test_a_letter_is_sent_again_as_a_mail_of_its_own(
    http: httpx2.AsyncClient, tenant: TestTenant, post_office: PostOffice, mail_server: MailServer
) -> None:
    mail_id = await post_office.post(dedupe="receipt:1", attachments=(PDF,))
    path = f"/v1/mails/{public_id('eml', mail_id)}/resends"
    waiting = await http.post(path, headers=tenant.headers)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "mail_waiting")
    await post_office.send(mail_id)
    key = tenant.headers | {"Idempotency-Key": "again"}
    again = await http.post(path, headers=key)
    assert again.status_code == 201, again.text
    assert (await http.post(path, headers=key)).content == again.content
    (new,) = [each for each in await post_office.mails() if each.id != mail_id]
    assert (again.json()["id"], again.json()["status"]) == (public_id("eml", new.id), "waiting")
    await post_office.send(new.id)
    first, second = mail_server.messages()
    assert first["Message-ID"] != second["Message-ID"]
    assert [list(each.iter_attachments())[0].get_content() for each in (first, second)] == [PDF.content] * 2  # noqa: RUF015


async def test_what_went_wrong_is_told(
    http: httpx2.AsyncClient, tenant: TestTenant, post_office: PostOffice, mail_server: MailServer
) -> None:
    mail_server.to_messages += [CLOSE]
    mail_server.to_recipients += ["250 yes", "550 no such user"]
    waiting, failed = await post_office.post(), await post_office.post()
    await post_office.send(waiting)
    await post_office.send(failed)
    shown = {each["id"]: each for each in (await http.get("/v1/mails", headers=tenant.headers)).json()["data"]}
    first, second = shown[public_id("eml", waiting)], shown[public_id("eml", failed)]
    assert (first["status"], first["tries"]) == ("waiting", 1)
    assert first["not_before"] is not None
    assert (second["status"], second["last_error"], second["not_before"]) == ("failed", "550 no such user", None)


async def test_a_tenants_sender_is_an_address(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    for sender in ("nobody", "a@b.example, c@d.example"):
        refused = await http.patch("/v1/tenant", json={"settings": {"mail_from": sender}}, headers=tenant.headers)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["loc"][:3] == ["body", "settings", "mail_from"]
    taken = await http.patch("/v1/tenant", json={"settings": {"mail_from": "Kampüs <k@x.example>"}}, headers=tenant.headers)
    assert taken.json()["settings"]["mail_from"] == "Kampüs <k@x.example>"
