"""Headers and bodies: what people typed cannot become a header, a recipient or markup."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message

import pytest

from mail_fixtures import MailServer, PostOffice, read
from vezne.kernel.mail.letters import AddressUnusable, Letter, message_of, one_line, sender_named

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = "Ayşe\r\nBcc: evil@x.example\r\n\r\n<script>alert(1)</script>"


def made(**fields: object) -> EmailMessage:
    said = {"to": "ayse@example.com", "subject": "s", "text": "t", "purpose": "test"} | fields
    letter = Letter(**said)  # type: ignore[arg-type]
    message = message_of(letter, default_sender="Vezne <vezne@pay.example>", message_id="<1@x>", date=AT)
    return read(message.as_bytes())


def raw_headers(**fields: object) -> Message:
    """The headers as they go over the wire."""
    said = {"to": "ayse@example.com", "subject": "s", "text": "t", "purpose": "test"} | fields
    letter = Letter(**said)  # type: ignore[arg-type]
    message = message_of(letter, default_sender="Vezne <vezne@pay.example>", message_id="<1@x>", date=AT)
    return message_from_bytes(message.as_bytes())


def decoded(header: str) -> str:
    """After RFC 2047; Python's newer reader leaves the blanks between encoded words of a name."""
    return str(make_header(decode_header(" ".join(header.split()))))


@pytest.mark.unit
@pytest.mark.parametrize("field", ["subject", "to_name", "sender_name"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x00"])
def test_a_line_break_in_a_header_is_none(field: str, line_break: str) -> None:
    message = made(**{field: f"Ayşe{line_break}Bcc: evil@x.example"})
    assert message["Bcc"] is None
    assert sorted(message.keys()) == sorted(made().keys())
    assert message.get_content().strip() == "t"


@pytest.mark.unit
@pytest.mark.parametrize("field", ["subject", "to_name", "sender_name"])
@pytest.mark.parametrize(
    "text",
    [
        "Ayşe Öztürk",
        "Ağaç, Çiçek & Işık",
        "=?utf-8?q?Bcc=3A_evil?=",
        'Ali "Baba" <x@y.example>, z@y.example',
        "İ" * 150,
        "一" * 190,
        "a" * 190,
        "👩‍👩‍👧 aile",
        "ş \u202e gizli",
    ],
)
def test_names_and_subjects_arrive_as_they_were_written(field: str, text: str) -> None:
    message = made(**{field: text})
    raw = raw_headers(**{field: text})
    if field == "subject":
        assert decoded(raw["Subject"]) == one_line(text)
    else:
        shown = decoded(raw["To" if field == "to_name" else "From"])
        assert shown.rpartition(" <")[0].strip('"').replace('\\"', '"') == one_line(text)
    assert [each.addr_spec for each in message["To"].addresses] == ["ayse@example.com"]
    assert [each.addr_spec for each in message["From"].addresses] == ["vezne@pay.example"]


@pytest.mark.unit
@pytest.mark.parametrize(
    "to",
    [
        "a@b.example,c@d.example",
        "a>b@c.example",
        "a b@c.example",
        "x",
        "@x.example",
        "a@",
        "a@b@c.example",
        "a\r\nb@c.example",
        "a@" + "ü" * 80 + ".de",
    ],
)
def test_an_address_that_is_none_is_written_to_by_nobody(to: str) -> None:
    with pytest.raises(AddressUnusable):
        made(to=to)


@pytest.mark.unit
def test_a_domain_of_other_letters_is_written_as_every_server_reads_it() -> None:
    assert made(to="ayse@örnek.example")["To"].addresses[0].domain == "xn--rnek-4qa.example"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("", "Kampüs <vezne@pay.example>"),
        ("shop@x.example", "shop@x.example"),
        ("Büyük Kampüs <shop@x.example>", "Büyük Kampüs <shop@x.example>"),
    ],
)
def test_the_tenants_own_sender_goes_before_the_deployments(sender: str, shown: str) -> None:
    assert made(sender=sender, sender_name="Kampüs")["From"] == shown


@pytest.mark.unit
@pytest.mark.parametrize("sender", ["nobody", "a@b.example, c@d.example", "<>", "A <a b@c.example>"])
def test_a_sender_that_is_no_address_is_refused(sender: str) -> None:
    with pytest.raises(AddressUnusable):
        sender_named(sender)


async def test_what_a_customer_typed_adds_no_recipient(post_office: PostOffice, mail_server: MailServer) -> None:
    await post_office.send(await post_office.post(to_name=EVIL, subject=EVIL, sender_name=EVIL))
    (envelope,) = mail_server.taken
    assert envelope.rcpt_tos == ["ayse@example.com"]
    head = envelope.original_content.partition(b"\r\n\r\n")[0] if isinstance(envelope.original_content, bytes) else b""
    assert not re.search(rb"(?mi)^bcc:", head)


@pytest.mark.parametrize("to", ["a@b.example,evil@x.example", "ü@example.com\r\nRCPT TO:<evil@x.example>"])
async def test_an_unusable_address_fails_at_once_and_says_why(post_office: PostOffice, mail_server: MailServer, to: str) -> None:
    failed = await post_office.send(await post_office.post(to=to))
    assert (failed.status, failed.tries) == ("failed", 1)
    assert "is no address" in (failed.last_error or "")
    assert mail_server.taken == []


async def test_an_address_of_other_letters_is_sent_where_the_server_takes_it(
    post_office: PostOffice, mail_server: MailServer
) -> None:
    sent = await post_office.send(await post_office.post(to="ayşe@example.com"))
    assert (sent.status, sent.last_error) == ("sent", None)
    assert mail_server.taken[0].rcpt_tos == ["ayşe@example.com"]
