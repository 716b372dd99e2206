"""The tests' own PostgreSQL."""

from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    from asyncpg import Pool


async def test_the_pool_works_in_the_services_role(pool: "Pool") -> None:
    assert await pool.fetchval("SELECT current_user") == "vezne_service"


async def test_the_service_may_not_change_the_schema(pool: "Pool") -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("CREATE TABLE public.sneaked_in (id int)")


async def test_a_fresh_database_is_migrated_and_empty(fresh_dsn: str) -> None:
    connection = await asyncpg.connect(fresh_dsn)
    assert await connection.fetchval("SELECT count(*) FROM events") == 0
    await connection.close()
