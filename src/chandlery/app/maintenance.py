"""Commands that keep an installation going: bring the schema up to date, add a worker, found a tenant."""

from __future__ import annotations

import asyncio
import sys

import msgspec
from rich.console import Console

from chandlery.app import database, logs
from chandlery.app import worker as worker_process
from chandlery.app.opening import open_house
from chandlery.app.settings import Settings
from chandlery.engine import migrations
from chandlery.engine.children import CannotStart
from chandlery.engine.embedded_postgres import running_server
from chandlery.identity import clients
from chandlery.identity.founding import FoundTenant, found_tenant
from chandlery.kernel.actor import system
from chandlery.kernel.errors import Fault
from chandlery.kernel.ids import TenantId


class Founded(msgspec.Struct, frozen=True):
    """A new tenant: its operator, and the one API client that can make all the others."""

    organization_id: str
    name: str
    client_id: str
    client_secret: str
    base_url: str


def migrate(settings: Settings) -> None:
    with database.started(settings) if _is_idle(settings) else database.reachable(settings) as found:
        applied = migrations.migrate(found.url).applied
    Console().print(
        f"Applied: {', '.join(applied)}" if applied else "The schema is up to date.", highlight=False
    )


def run_worker(settings: Settings) -> None:
    """One more worker beside a server that runs, on its database."""
    logs.configure(settings.log_level, settings.log_format)
    if settings.database_url is None and running_server(settings.data) is None:
        raise CannotStart(
            f"No server runs on {settings.data}, and CHANDLERY_DATABASE_URL is not set; start `chandlery serve` first."
        )
    with database.reachable(settings) as found:
        asyncio.run(worker_process.work(settings, found.url))


def found(settings: Settings, name: str, *, is_sandbox: bool, as_json: bool) -> None:
    """A new tenant with its operator and an API client that holds every right; the secret is shown this once."""
    with database.reachable(settings) as reached:
        try:
            made = asyncio.run(_found(settings, reached.url, name, is_sandbox))
        except Fault as refused:
            raise CannotStart(refused.detail) from refused
    if as_json:
        sys.stdout.write(msgspec.json.encode(made).decode() + "\n")
        return
    console = Console(highlight=False)
    for field, value in msgspec.structs.asdict(made).items():
        console.print(f"{field:>16}  {value}")
    console.print("\nThe secret is not shown again.", style="yellow")


async def _found(settings: Settings, url: str, name: str, is_sandbox: bool) -> Founded:
    async with open_house(settings, url) as opened:
        operator = await found_tenant(
            opened.engine, FoundTenant(name, is_sandbox=is_sandbox, by="command:found")
        )
        secret = opened.gate.mint_client_secret()
        client = await opened.engine.perform(
            system(TenantId(operator.tenant_id), "found"),
            clients.add_client,
            clients.AddClient(operator.id, "First client of the operator", "owner", secret.mac),
        )
        return Founded(
            str(operator.id), operator.name, str(client.result.id), secret.plain, settings.base_url
        )


def _is_idle(settings: Settings) -> bool:
    return settings.database_url is None and running_server(settings.data) is None
