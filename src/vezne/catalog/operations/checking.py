"""The check of the catalogue's own rows."""

from vezne.catalog import queries, queries_packs
from vezne.catalog.models import FeeRuleMalformed, refuse_malformed_terms
from vezne.catalog.packs import PackMalformed, PackTerms, refuse_malformed_pack
from vezne.kernel.audit import Finding
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.money import CurrencyUnknown, exponent


async def audit(tx: Tx) -> list[Finding]:
    """Prices and versions of fee rules count without a gap, so that none was taken away; each can be reckoned with, packs too."""
    findings = [
        Finding(
            "histories have no gap", public_id(row["prefix"], row["id"]), f"{row['rows']} rows, the newest is {row['newest']}"
        )
        for row in await queries.select_gaps(tx)
    ]
    for row in await queries.select_priced_currencies(tx):
        for currency in row["currencies"]:
            try:
                exponent(currency)
            except CurrencyUnknown as unknown:
                findings.append(Finding("prices are in currencies", public_id("itm", row["item_id"]), unknown.detail))
    for rule in await queries.select_all_versions(tx):
        try:
            refuse_malformed_terms(rule)
        except (FeeRuleMalformed, CurrencyUnknown) as wrong:
            subject = "the commission" if rule.id is None else public_id("fee", rule.id)
            findings.append(Finding("fee rules can be reckoned with", subject, f"version {rule.version}: {wrong.detail}"))
    for item_id, terms in (await queries_packs.select_all_terms(tx)).items():
        try:
            refuse_malformed_pack(PackTerms(**terms))
        except (PackMalformed, CurrencyUnknown) as wrong:
            findings.append(Finding("packs can be bought", public_id("itm", item_id), wrong.detail))
    return findings
