"""The providers that come with the server, each as a subject of the conformance kit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chandlery.engine.outbound import Outbound
from chandlery.engine.signatures import new_key, secret_of
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.conformance import Misbehaviour, Subject
from chandlery.fulfilment.http.vendor import HttpVendor, HttpVendors
from chandlery.fulfilment.manual import Manual
from chandlery.fulfilment.port import Request
from chandlery.fulfilment.sandbox.faults import Behaviour, Fault, clear_faults, set_fault
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.fulfilment.setup import ProviderSetup, Sealed
from chandlery.fulfilment.simulator import SimulatedFault, Simulator, simulated_vendor
from chandlery.identity.secrets import Seal
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.ids import ProviderId, new_id
from tests.builders import Tenant
from tests.conftest import NOW
from tests.identity.builders import MASTER

SEAL = Seal(MASTER, "provider-secrets")
QUICK = timedelta(seconds=2)


def a_setup(url: str | None = None, key: bytes = b"", **said: Any) -> ProviderSetup:
    """An http provider without limits, unless something else is said."""
    plain = ProviderSetup(
        id=ProviderId(new_id()),
        name="harbour-cloud",
        kind="http",
        url=url,
        secret=Sealed(SEAL.seal(key)),
        concurrency=0,
        calls_per_minute=0,
        timeout_seconds=10,
        idempotent=False,
        trips_after=5,
        created_at=NOW,
        version=1,
    )
    return replace(plain, **said)


def requests_of(tenant: Tenant) -> Callable[[], Request]:
    def make() -> Request:
        return Request(
            str(new_id()), tenant.id, tenant.customer.organization_id, "mail:P1Y:monthly", "mail", 3
        )

    return make


def sandbox_subject(engine: Engine, tenant: Tenant) -> Subject:
    vendor = Sandbox(engine.pool, FixedClock(NOW))

    async def books(reference: str) -> int:
        return sum(entry.reference == reference for entry in await vendor.ledger(tenant.id))

    @asynccontextmanager
    async def faulty(behaviour: Behaviour) -> AsyncIterator[None]:
        await set_fault(vendor, tenant.system, Fault(behaviour, seconds=60))
        try:
            yield
        finally:
            await clear_faults(vendor, tenant.system)

    return Subject(
        vendor,
        requests_of(tenant),
        books,
        {
            "refuse": lambda: faulty("refuse"),
            "fail": lambda: faulty("fail"),
            "accept": lambda: faulty("accept"),
            "hang": lambda: faulty("hang"),
            "lose_answer": lambda: faulty("lose_answer"),
            "lose_request": lambda: faulty("lose_request"),
        },
        {"a_request_that_comes_again_is_done_once": "it does not notice, so that we would"},
        QUICK,
    )


def manual_subject(_engine: Engine, tenant: Tenant) -> Subject:
    why = "there is no vendor beside our own list of tasks"
    return Subject(
        Manual(),
        requests_of(tenant),
        exempt={
            "a_reference_that_was_never_sent_is_never_seen": why,
            "another_accounts_reference_is_never_seen": why,
        },
        patience=QUICK,
    )


@dataclass(slots=True)
class Network:
    """The way to the vendor, which may be cut."""

    cut: bool = False

    async def resolve(self, host: str, port: int) -> list[str]:
        if self.cut:
            raise OSError("no way there")
        return ["127.0.0.1"]


@asynccontextmanager
async def http_subject(tenant: Tenant) -> AsyncIterator[tuple[Subject, Simulator, Network]]:
    """The http provider with the simulated vendor, over a real connection."""
    key, network, clock = new_key(), Network(), FixedClock(NOW)
    outbound = Outbound(allow_private_addresses=True, resolve=network.resolve)
    async with simulated_vendor(secret_of(key), clock) as simulator:
        setup = a_setup(f"http://vendor.example:{simulator.port}/chandlery", key)
        vendor = HttpVendor(setup, HttpVendors(outbound, SEAL, clock))

        async def books(reference: str) -> int:
            return len(simulator.booked(reference))

        @asynccontextmanager
        async def faulty(misbehaviour: Misbehaviour) -> AsyncIterator[None]:
            if misbehaviour == "unreachable":
                network.cut = True
            else:
                simulator.faults.append(SimulatedFault(misbehaviour))
            yield
            network.cut = False
            simulator.faults.clear()

        subject = Subject(
            vendor,
            requests_of(tenant),
            books,
            {
                "refuse": lambda: faulty("refuse"),
                "fail": lambda: faulty("fail"),
                "accept": lambda: faulty("accept"),
                "hang": lambda: faulty("hang"),
                "lose_answer": lambda: faulty("lose_answer"),
                "lose_request": lambda: faulty("lose_request"),
                "unreachable": lambda: faulty("unreachable"),
            },
            patience=QUICK,
        )
        try:
            yield subject, simulator, network
        finally:
            await outbound.close()
