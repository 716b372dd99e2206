"""The first start: a migrated database, and a test tenant with a secret key so that there is something to begin with."""

from vezne import identity
from vezne.app.deployment import DemoTenant, Deployment
from vezne.app.reactions import REACTIONS
from vezne.kernel.db import Database, open_pool
from vezne.kernel.ids import public_id
from vezne.kernel.migrate import migrate
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault

SLUG = "campus"


async def prepare(deployment: Deployment) -> None:
    """Migrate; make the first tenant and its key where this data folder has none. Again: nothing."""
    await migrate(deployment.dsn)
    if deployment.demo_tenant() is not None:
        return
    pool = await open_pool(deployment.dsn, size=2)
    try:
        deployment.keep_demo_tenant(await _first_tenant(Database(pool, REACTIONS, Vault.from_settings(deployment.settings))))
    finally:
        await pool.close()


async def _first_tenant(db: Database) -> DemoTenant:
    """The tenant `campus` with a new secret key: a start that was cut off after making the tenant finds it again."""
    try:
        tenant = await identity.create_tenant(db, slug=SLUG, name="Campus")
    except identity.SlugTaken:
        tenant = await identity.find_tenant(db, SLUG)
    async with db.transaction(Principal.system(tenant.tenant_id, "first_start")) as tx:
        _, key = await identity.create_key(tx, name="first start")
    return DemoTenant(public_id("ten", tenant.id), key.text)
