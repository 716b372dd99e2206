"""What every table must satisfy so that tenants stay apart, the immutable stays so, and a cluster remains a deployment.

Read from the catalogue of a migrated database, so they hold whatever the migrations say, and after any change by hand.
"""

from collections.abc import Mapping

import asyncpg

from vezne.kernel.migrate import TableRule

_TABLES = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS name, c.oid AS oid,
       array(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_primary_key,
       array(SELECT p::text FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) p
             WHERE has_table_privilege('vezne_service', c.oid, p)
                OR (p = 'UPDATE' AND has_any_column_privilege('vezne_service', c.oid, p))) AS changes_allowed,
       has_table_privilege('vezne_service', c.oid, 'TRUNCATE')
         OR has_table_privilege('vezne_service', c.oid, 'TRIGGER')
         OR has_table_privilege('vezne_service', c.oid, 'REFERENCES') AS structure_allowed,
       pg_get_userbyid(c.relowner) = 'vezne_service' AS owned_by_service
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY name
"""

_UNIQUE_KEYS = """
SELECT i.indexrelid::regclass::text AS key,
       (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) AS leads_with
FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique ORDER BY key
"""

_FOREIGN_KEYS = """
SELECT f.conname AS key, f.confrelid::regclass::text AS target,
       (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = f.conrelid AND a.attnum = f.conkey[1]) AS leads_with,
       (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = f.confrelid AND a.attnum = f.confkey[1]) AS points_at
FROM pg_constraint f WHERE f.conrelid = $1 AND f.contype = 'f' ORDER BY key
"""

_SERVICE_ROLE = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolcanlogin AS has_powers,
       has_database_privilege('vezne_service', current_database(), 'CREATE') AS makes_schemas,
       array(SELECT nspname::text FROM pg_namespace
             WHERE nspname NOT LIKE 'pg\\_%' AND has_schema_privilege('vezne_service', oid, 'CREATE')) AS makes_objects_in
FROM pg_roles WHERE rolname = 'vezne_service'
"""


async def broken_rules(connection: "asyncpg.Connection[asyncpg.Record]", rules: Mapping[str, TableRule]) -> list[str]:
    """Each rule a table or the service's role breaks, as a sentence; an empty list when all is well. Changes nothing."""
    tables = await connection.fetch(_TABLES)
    broken = await _powers_of_the_service(connection)
    broken += [f"{name} is listed in distribution.toml but does not exist" for name in rules.keys() - {t["name"] for t in tables}]
    for table in tables:
        rule = rules.get(table["name"])
        if rule is None:
            broken.append(f"{table['name']} is not listed in distribution.toml")
            continue
        broken += _broken_by_table(table, rule)
        if rule.distribution == "tenant":
            broken += await _broken_by_keys(connection, table, rules)
    return sorted(broken)


async def _powers_of_the_service(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    role = await connection.fetchrow(_SERVICE_ROLE)
    if role is None:
        return ["the role vezne_service does not exist"]
    broken = [f"vezne_service may create objects in schema {schema}" for schema in role["makes_objects_in"]]
    if role["has_powers"]:
        broken.append("vezne_service has powers of its own: it must be a plain NOLOGIN role")
    if role["makes_schemas"]:
        broken.append("vezne_service may create schemas")
    return broken


def _broken_by_table(table: asyncpg.Record, rule: TableRule) -> list[str]:
    name, broken = table["name"], []
    if not table["has_primary_key"]:
        broken.append(f"{name} has no primary key")
    if table["owned_by_service"]:
        broken.append(f"{name} is owned by vezne_service, which could change its structure")
    if table["structure_allowed"]:
        broken.append(f"{name} grants vezne_service TRUNCATE, TRIGGER or REFERENCES")
    if rule.append_only and table["changes_allowed"]:
        broken.append(f"{name} is append-only but grants vezne_service {', '.join(table['changes_allowed'])}")
    if rule.distribution == "tenant" and "tenant_id" not in table["columns"]:
        broken.append(f"{name} is a tenant's table without tenant_id")
    return broken


async def _broken_by_keys(
    connection: "asyncpg.Connection[asyncpg.Record]", table: asyncpg.Record, rules: Mapping[str, TableRule]
) -> list[str]:
    broken = [
        f"{table['name']}: unique key {key['key']} does not begin with tenant_id"
        for key in await connection.fetch(_UNIQUE_KEYS, table["oid"])
        if key["leads_with"] != "tenant_id"
    ]
    for key in await connection.fetch(_FOREIGN_KEYS, table["oid"]):
        target = rules.get(key["target"])
        if target is not None and target.distribution == "reference":
            continue  # a reference table is whole on every node
        if key["leads_with"] != "tenant_id" or key["points_at"] != "tenant_id":
            broken.append(f"{table['name']}: foreign key {key['key']} does not begin with tenant_id on both sides")
    return broken
