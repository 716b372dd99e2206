"""Fee rules: what the platform keeps, in versions that are never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from vezne import identity
from vezne.catalog import queries
from vezne.catalog.events import FeeChanged, FeeCreated
from vezne.catalog.models import (
    FeeRule,
    FeeRuleMalformed,
    FeeRuleUnknown,
    FeesForPlatformOnly,
    FeeTerms,
    Item,
    refuse_malformed_terms,
)
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id


async def create_fee_rule(tx: Tx, terms: FeeTerms) -> FeeRule:
    """Make a fee rule, whose first version holds from now on. Raises FeeRuleMalformed, CurrencyUnknown, FeesForPlatformOnly."""
    _refuse_payees(tx)
    rule = _version(new_id(), 1, terms, tx.now)
    await queries.insert_fee_rule(tx, _id(rule))
    await queries.insert_fee_rule_version(tx, rule)
    await tx.publish(FeeCreated(fee_id=_id(rule), percentage=rule.percentage))
    return rule


async def change_fee_rule(tx: Tx, rule_id: UUID, terms: FeeTerms, *, valid_from: datetime | None = None) -> FeeRule:
    """Give a rule a new version, which replaces the older ones from `valid_from` (now) on; they stay as they are.

    Each call makes another version; two at once come one after the other. Raises FeeRuleUnknown, FeeRuleMalformed,
    CurrencyUnknown, FeesForPlatformOnly.
    """
    _refuse_payees(tx)
    if valid_from is not None and valid_from < tx.now:
        raise FeeRuleMalformed(field="valid_from", reason="does not lie in the past", loc=("body", "valid_from"))
    refuse_malformed_terms(terms)
    number = await queries.number_next_version(tx, rule_id)
    if number is None:
        raise FeeRuleUnknown(fee_rule_id=public_id("fee", rule_id))
    rule = _version(rule_id, number, terms, valid_from or tx.now)
    await queries.insert_fee_rule_version(tx, rule)
    await tx.publish(FeeChanged(fee_id=rule_id, version=number, percentage=rule.percentage, valid_from=rule.valid_from))
    return rule


async def fee_rule(tx: Tx, rule_id: UUID, version: int | None = None) -> FeeRule:
    """A fee rule in the version that holds now, or in the one named. Raises FeeRuleUnknown.

    Whoever acts for one payee sees the rules of that payee's items.
    """
    held = await queries.select_fee_rules(tx, at=tx.now, rule_id=rule_id, payee_id=tx.principal.payee_id, before=None, limit=1)
    if held and version is not None:
        found = await queries.select_versions(tx, rule_id, before=version + 1, limit=1)
        held = [each for each in found if each.version == version]
    if not held:
        raise FeeRuleUnknown(fee_rule_id=public_id("fee", rule_id))
    return held[0]


async def fee_rules(tx: Tx, *, before: UUID | None = None, limit: int = 20) -> list[FeeRule]:
    """Fee rules in the version that holds now, newest rule first."""
    return await queries.select_fee_rules(tx, at=tx.now, payee_id=tx.principal.payee_id, before=before, limit=limit)


async def fee_rule_versions(tx: Tx, rule_id: UUID, *, before: int | None = None, limit: int = 20) -> list[FeeRule]:
    """Every version of a rule, newest first, those to come too. Raises FeeRuleUnknown."""
    await fee_rule(tx, rule_id)
    return await queries.select_versions(tx, rule_id, before=before, limit=limit)


async def fee_rule_of(tx: Tx, item: Item) -> FeeRule:
    """The rule that holds now for what is sold of an item; without one, the tenant's commission, borne by the payee."""
    if item.fee_rule_id is not None:
        return await fee_rule(tx, item.fee_rule_id)
    commission = (await identity.settings_of(tx)).commission_rate
    return FeeRule(id=None, version=0, name="commission", percentage=commission, valid_from=tx.now)


def _refuse_payees(tx: Tx) -> None:
    if tx.principal.payee_id is not None:
        raise FeesForPlatformOnly


def _version(rule_id: UUID, number: int, terms: FeeTerms, valid_from: datetime) -> FeeRule:
    refuse_malformed_terms(terms)
    fields: dict[str, Any] = {name: getattr(terms, name) for name in FeeTerms.__dataclass_fields__}
    return FeeRule(id=rule_id, version=number, valid_from=valid_from, **fields)


def _id(rule: FeeRule) -> UUID:
    if rule.id is None:
        raise ValueError("the tenant's commission is no rule of the catalogue")
    return rule.id
