"""Every table keeps the rules of a shared cluster; and the rules notice a table that does not."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from vezne.kernel.migrate import TableRule, table_rules
from vezne.kernel.schema_rules import broken_rules

if TYPE_CHECKING:
    from asyncpg import Connection, Record

TENANT = TableRule(distribution="tenant")
APPEND_ONLY = TableRule(distribution="tenant", append_only=True)
LOCAL = TableRule(distribution="local")


@pytest.fixture
async def scratch(fresh_dsn: str) -> AsyncIterator["Connection[Record]"]:
    connection = await asyncpg.connect(fresh_dsn)
    yield connection
    await connection.close()


async def test_every_table_keeps_the_rules(scratch: "Connection[Record]") -> None:
    assert await broken_rules(scratch, table_rules()) == []


@pytest.mark.parametrize(
    ("sql", "rule", "complaint"),
    [
        ("CREATE TABLE bad (tenant_id bigint PRIMARY KEY)", None, "bad is not listed in distribution.toml"),
        ("CREATE SCHEMA s; CREATE TABLE s.bad (id int PRIMARY KEY)", None, "s.bad is not listed in distribution.toml"),
        ("SELECT 1", TENANT, "bad is listed in distribution.toml but does not exist"),
        ("CREATE TABLE bad (id int)", LOCAL, "bad has no primary key"),
        ("CREATE TABLE bad (id int PRIMARY KEY)", TENANT, "bad is a tenant's table without tenant_id"),
        (
            "CREATE TABLE bad (id int, tenant_id bigint, PRIMARY KEY (id, tenant_id))",
            TENANT,
            "bad: unique key bad_pkey does not begin with tenant_id",
        ),
        (
            "CREATE TABLE bad (tenant_id bigint PRIMARY KEY, mail text); CREATE UNIQUE INDEX bad_mail ON bad (lower(mail))",
            TENANT,
            "bad: unique key bad_mail does not begin with tenant_id",
        ),
        (
            (
                "CREATE TABLE bad (tenant_id bigint, id int, parent int UNIQUE, PRIMARY KEY (tenant_id, id));"
                "ALTER TABLE bad ADD CONSTRAINT up FOREIGN KEY (id) REFERENCES bad (parent)"
            ),
            TENANT,
            "bad: foreign key up does not begin with tenant_id on both sides",
        ),
        (
            "CREATE TABLE bad (tenant_id bigint PRIMARY KEY); GRANT SELECT, INSERT, DELETE ON bad TO vezne_service",
            APPEND_ONLY,
            "bad is append-only but grants vezne_service DELETE",
        ),
        (
            "CREATE TABLE bad (tenant_id bigint PRIMARY KEY, amount int); GRANT UPDATE (amount) ON bad TO vezne_service",
            APPEND_ONLY,
            "bad is append-only but grants vezne_service UPDATE",
        ),
        (
            "CREATE TABLE bad (tenant_id bigint PRIMARY KEY); GRANT UPDATE ON bad TO PUBLIC",
            APPEND_ONLY,
            "bad is append-only but grants vezne_service UPDATE",
        ),
        (
            "CREATE TABLE bad (tenant_id bigint PRIMARY KEY); GRANT TRUNCATE ON bad TO vezne_service",
            TENANT,
            "bad grants vezne_service TRUNCATE, TRIGGER or REFERENCES",
        ),
        (
            "CREATE TABLE bad (tenant_id bigint PRIMARY KEY); ALTER TABLE bad OWNER TO vezne_service",
            TENANT,
            "bad is owned by vezne_service, which could change its structure",
        ),
    ],
)
async def test_a_bad_table_is_noticed(scratch: "Connection[Record]", sql: str, rule: TableRule | None, complaint: str) -> None:
    await scratch.execute(sql)
    rules = table_rules() | ({"bad": rule} if rule else {})
    assert complaint in await broken_rules(scratch, rules)


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("GRANT CREATE ON SCHEMA public TO vezne_service", "vezne_service may create objects in schema public"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "vezne_service may create objects in schema public"),
        ("GRANT CREATE ON DATABASE {database} TO vezne_service", "vezne_service may create schemas"),
    ],
)
async def test_a_power_too_many_is_noticed(scratch: "Connection[Record]", sql: str, complaint: str) -> None:
    database = await scratch.fetchval("SELECT quote_ident(current_database())")
    await scratch.execute(sql.format(database=database))
    assert complaint in await broken_rules(scratch, table_rules())


async def test_a_reference_table_may_be_pointed_at_without_the_tenant(scratch: "Connection[Record]") -> None:
    await scratch.execute(
        "CREATE TABLE kinds (name text PRIMARY KEY);"
        "CREATE TABLE things (tenant_id bigint, kind text REFERENCES kinds, PRIMARY KEY (tenant_id, kind))"
    )
    rules = table_rules() | {"kinds": TableRule(distribution="reference"), "things": TENANT}
    assert not [broken for broken in await broken_rules(scratch, rules) if broken.startswith(("kinds", "things"))]
