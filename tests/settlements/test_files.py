"""Files for the bank: whole, exact, harmless, and each payout in one of them once."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from settlements_fixtures import Till
from vezne import identity, settlements
from vezne.kernel.ids import new_id, public_id
from vezne.settlements.transfer_files import NAMESPACE, Party, Transfer, csv_file, pain001

DEBTOR = Party("Kampüs A.Ş.", "TR330006100519786457841326", "TCZBTR2A")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NS = {"p": NAMESPACE}


def transfer(amount: int, currency: str = "TRY", name: str = "Ayşe Işık", bic: str | None = None, text: str = "Mart") -> Transfer:
    return Transfer(public_id("pot", new_id()), Party(name, "TR330006100519786457841326", bic), amount, currency, text)


def read(raw: bytes) -> ET.Element:
    return ET.fromstring(raw)  # noqa: S314 - written by ourselves a moment ago


def texts(part: ET.Element, path: str) -> list[str]:
    return [element.text or "" for element in part.findall("/".join(f"p:{tag}" for tag in path.split("/")), NS)]


def tags(part: ET.Element) -> list[str]:
    return [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in part]


@pytest.mark.unit
def test_pain001_has_the_parts_of_the_standard_in_its_order() -> None:
    """The sequence of elements is part of pain.001.001.09: a bank refuses a file whose parts stand in another order."""
    root = read(pain001("fil_1", AT, date(2026, 3, 2), DEBTOR, [transfer(12_345), transfer(5, bic="DEUTDEFF")]))
    assert root.tag == f"{{{NAMESPACE}}}Document"
    (initiation,) = root
    assert tags(root) == ["CstmrCdtTrfInitn"]
    assert tags(initiation) == ["GrpHdr", "PmtInf"]
    assert tags(initiation[0]) == ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"]
    assert tags(initiation[1]) == [
        *("PmtInfId", "PmtMtd", "NbOfTxs", "CtrlSum", "ReqdExctnDt", "Dbtr", "DbtrAcct", "DbtrAgt", "ChrgBr"),
        *("CdtTrfTxInf", "CdtTrfTxInf"),
    ]
    for part in initiation.iter(f"{{{NAMESPACE}}}CdtTrfTxInf"):
        assert tags(part) == ["PmtId", "Amt", "CdtrAgt", "Cdtr", "CdtrAcct", "RmtInf"]
    assert texts(initiation, "PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/BICFI") == ["DEUTDEFF"]
    assert texts(initiation, "PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/Othr/Id") == ["NOTPROVIDED"]
    assert texts(initiation, "PmtInf/DbtrAcct/Id/IBAN") == [DEBTOR.iban]
    assert texts(initiation, "PmtInf/ReqdExctnDt/Dt") == ["2026-03-02"]
    assert texts(initiation, "GrpHdr/CreDtTm") == ["2026-03-01T09:30:00+00:00"]


@pytest.mark.unit
def test_pain001_counts_and_sums_exactly_by_each_currencys_decimals() -> None:
    sent = [transfer(2**53 - 1), transfer(1), transfer(7, "JPY"), transfer(1, "KWD"), transfer(90, "EUR")]
    root = read(pain001("fil_1", AT, date(2026, 3, 2), DEBTOR, sent))[0]
    assert texts(root, "GrpHdr/NbOfTxs") == ["5"]
    assert texts(root, "GrpHdr/CtrlSum") == [
        str(Decimal("90071992547409.91") + Decimal("0.01") + 7 + Decimal("0.001") + Decimal("0.90"))
    ]
    amounts = {element.get("Ccy"): element.text for element in root.iter(f"{{{NAMESPACE}}}InstdAmt")}
    assert amounts == {"EUR": "0.90", "JPY": "7", "KWD": "0.001", "TRY": "0.01"}
    assert texts(root, "PmtInf/PmtInfId") == ["fil_1-1", "fil_1-2", "fil_1-3", "fil_1-4"]
    assert texts(root, "PmtInf/NbOfTxs") == ["1", "1", "1", "2"]
    assert texts(root, "PmtInf/CtrlSum") == ["0.90", "7", "0.001", "90071992547409.92"]
    assert texts(root, "PmtInf/ChrgBr") == ["SLEV", "SHAR", "SHAR", "SHAR"]


@pytest.mark.unit
def test_pain001_keeps_to_the_standards_lengths_and_to_what_xml_can_hold() -> None:
    wild = transfer(1, name="A\x00\x1b<&>\ud7ff\ufffe" + "ğ" * 200, text="]]>\x07 " + "ş" * 300)
    message = public_id("fil", new_id())
    root = read(pain001(message, AT, date(2026, 3, 2), DEBTOR, [wild, transfer(1, text="\x01", name="\x02")]))[0]
    assert max(len(id_) for path in ("PmtInfId", "CdtTrfTxInf/PmtId/EndToEndId") for id_ in texts(root, f"PmtInf/{path}")) <= 35
    assert [1 <= len(name) <= 70 for name in texts(root, "PmtInf/CdtTrfTxInf/Cdtr/Nm")] == [True, True]
    assert [1 <= len(text) <= 140 for text in texts(root, "PmtInf/CdtTrfTxInf/RmtInf/Ustrd")] == [True, True]
    assert texts(root, "PmtInf/CdtTrfTxInf/Cdtr/Nm")[0].startswith("A <&>")


@pytest.mark.unit
def test_csv_is_exact_and_no_cell_of_it_is_a_formula() -> None:
    names = ('=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", 'Ayşe "Işık", A.Ş.\nİzmir', "Can")
    raw = csv_file([transfer(123, name=name) for name in names])
    assert raw.count(b"\r\n") == len(names) + 1
    rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    assert rows[0] == ["payout_id", "name", "iban", "bic", "amount", "currency", "reference"]
    assert [row[1] for row in rows[1:]] == [f"'{name}" for name in names[:5]] + list(names[5:])
    assert {row[4] for row in rows[1:]} == {"1.23"}


async def approved(till: Till, *, gross: int = 10_000, currency: str = "TRY") -> settlements.Payout:
    """A payout that somebody else approved."""
    payee = await till.payee()
    await till.sell(payee, gross, 0, currency=currency)
    async with till.db.transaction(till.principal) as tx:
        made = await settlements.request_payout(tx, payee, currency, note="Mart")
    async with till.db.transaction(replace(till.principal, actor="staff:checker")) as tx:
        return await settlements.approve(tx, made.id)


async def with_own_account(till: Till) -> None:
    """The tenant's own bank account, from which it pays."""
    async with till.db.transaction(till.principal) as tx:
        own = await identity.own_payee(tx)
        await identity.change_payee(tx, own.id, {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"})


async def test_approved_payouts_go_into_a_file_that_names_their_accounts(till: Till) -> None:
    await with_own_account(till)
    sent = [await approved(till), await approved(till, gross=333)]
    async with till.db.transaction(till.principal) as tx:
        made = await settlements.make_file(tx, [payout.id for payout in sent], "pain001")
    async with till.db.transaction(till.principal) as tx:
        found, content = await settlements.file_content(tx, made.id)
        assert found == made
        assert (await settlements.payout(tx, sent[0].id)).file_id == made.id
    root = read(content)[0]
    assert texts(root, "GrpHdr/CtrlSum") == ["103.33"]
    assert texts(root, "GrpHdr/MsgId") == [public_id("fil", made.id)]
    assert texts(root, "PmtInf/CdtTrfTxInf/PmtId/EndToEndId") == [public_id("pot", payout.id) for payout in sent]
    assert texts(root, "PmtInf/CdtTrfTxInf/CdtrAcct/Id/IBAN") == ["TR330006100519786457841326"] * 2
    assert texts(root, "PmtInf/DbtrAcct/Id/IBAN") == ["DE89370400440532013000"]
    assert texts(root, "PmtInf/CdtTrfTxInf/Cdtr/Nm") == ["Ayşe Öztürk Işık"] * 2


async def test_the_file_is_unreadable_where_it_is_kept(till: Till) -> None:
    sent = await approved(till)
    async with till.db.transaction(till.principal) as tx:
        made = await settlements.make_file(tx, [sent.id], "csv")
        kept = await tx.fetchval(
            "SELECT sealed_content FROM payout_files WHERE tenant_id = $1 AND id = $2", tx.tenant_id, made.id
        )
    assert b"TR3300" not in kept


async def test_a_payout_goes_into_a_file_once_unless_it_is_asked_for_again(till: Till) -> None:
    sent = await approved(till)
    async with till.db.transaction(till.principal) as tx:
        first = await settlements.make_file(tx, [sent.id], "csv")
    async with till.db.transaction(till.principal) as tx:
        with pytest.raises(settlements.PayoutFiledAlready):
            await settlements.make_file(tx, [sent.id], "csv")
        second = await settlements.make_file(tx, [sent.id, sent.id], "csv", again=True)
    assert second.payout_ids == (sent.id,)
    checker = replace(till.principal, actor="staff:checker")
    async with till.db.transaction(checker) as tx:
        with pytest.raises(settlements.PayoutNotInFile):
            await settlements.dispatch(tx, sent.id, first.id)
        with pytest.raises(settlements.PayoutInFile):
            await settlements.reject(tx, sent.id, "changed my mind")
        assert (await settlements.dispatch(tx, sent.id, second.id)).status == "sent"


async def test_only_approved_payouts_of_real_money_to_known_accounts_go_into_a_file(till: Till) -> None:
    good = await approved(till)
    coins = await approved(till, currency="COIN")
    bare = await approved(till)
    async with till.db.transaction(till.principal) as tx:
        await identity.change_payee(tx, bare.payee_id, {"iban": None})
    payee = await till.payee()
    await till.sell(payee)
    async with till.db.transaction(till.principal) as tx:
        waiting = await settlements.request_payout(tx, payee, "TRY")
    refused = {
        settlements.PayoutCurrencyNotReal: (coins.id, "csv"),
        settlements.PayeeWithoutBank: (bare.id, "csv"),
        settlements.PayoutNotApproved: (waiting.id, "csv"),
        settlements.PayoutMissing: (new_id(), "csv"),
    }
    for kind, (payout_id, file_format) in refused.items():
        with pytest.raises(kind):
            async with till.db.transaction(till.principal) as tx:
                await settlements.make_file(tx, [good.id, payout_id], file_format)  # type: ignore[arg-type] # both are formats
    with pytest.raises(settlements.PayeeWithoutBank):  # the tenant's own
        async with till.db.transaction(till.principal) as tx:
            await settlements.make_file(tx, [good.id], "pain001")
    async with till.db.transaction(till.principal, read_only=True) as tx:
        assert (await settlements.payout(tx, good.id)).file_id is None
