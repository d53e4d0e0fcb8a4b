"""Setting up providers: adding, changing, a new secret, removing, and looking at them. The operator's business.

A secret is told when it is made and then never again; at rest it is sealed. What needs the seal or the rules for
outbound calls is a method of `SettingUp`, which the app makes once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from chandlery.catalog.editing import require_operator
from chandlery.engine.outbound import Outbound
from chandlery.engine.signatures import Sealer, new_key, secret_of
from chandlery.engine.statements import Query
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.fulfilment._store import providers as _store
from chandlery.fulfilment.circuit import Circuit, CircuitState
from chandlery.fulfilment.errors import ProviderHasNoSecret, ProviderInUse, ProviderNameTaken, ProviderRefused
from chandlery.fulfilment.events import (
    PROVIDER_ADDED,
    PROVIDER_CHANGED,
    PROVIDER_REMOVED,
    PROVIDER_SECRET_ROTATED,
)
from chandlery.fulfilment.setup import Kind, ProviderSetup, Sealed
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import Clock, rfc3339
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, ProviderId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

T = TypeVar("T")

OVERLAP_SECONDS = 24 * 3600
LONGEST_OVERLAP_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class AddProvider:
    """Limits of 0 are none."""

    name: str
    kind: Kind = "http"
    url: str | None = None
    concurrency: int = 0
    calls_per_minute: int = 0
    timeout_seconds: int = 10
    idempotent: bool = False
    trips_after: int = 5


@dataclass(frozen=True, slots=True)
class ChangeProvider:
    """What is None stays as it is. A changed provider starts afresh: its circuit is closed."""

    name: str
    url: str | None = None
    concurrency: int | None = None
    calls_per_minute: int | None = None
    timeout_seconds: int | None = None
    idempotent: bool | None = None
    trips_after: int | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RotateProviderSecret:
    """For `overlap_seconds` the old secret signs and proves too; 0 when it has leaked."""

    name: str
    overlap_seconds: int = OVERLAP_SECONDS


@dataclass(frozen=True, slots=True)
class RemoveProvider:
    name: str


@dataclass(frozen=True, slots=True)
class FindProviders:
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider and how it is. `calling` is counted where there is a limit; `waiting` lines wait for their turn."""

    setup: ProviderSetup
    circuit: Circuit
    state: CircuitState
    calling: int = 0
    waiting: int = 0
    secret: str | None = field(default=None, repr=False)
    """Of a secret just made, and then never again."""


async def get_provider(reader: Reader, actor: Actor, name: str) -> ProviderView:
    actor.require(permissions.PROVIDERS_READ)
    require_operator(actor)
    (setup, circuit, _), (calling, waiting) = await reader.fetch(_store.named(name), _store.load(name))
    return ProviderView(setup, circuit, circuit.state(reader.now), calling, waiting)


async def find_providers(reader: Reader, actor: Actor, command: FindProviders) -> Page[ProviderView]:
    """Those that were set up, oldest first; their load is told of a single one alone."""
    actor.require(permissions.PROVIDERS_READ)
    require_operator(actor)
    found = await reader.fetch(_store.page(command.page))
    page = page_of(found, command.page.limit, lambda one: (one[0].created_at, one[0].id))
    return page.map(lambda one: ProviderView(one[0], one[1], one[1].state(reader.now)))


def is_set_up(name: str) -> Query[bool]:
    """Whether there is a provider of that name, beside those that are built in."""
    return _store.is_set_up(name)


async def remove_provider(unit: Unit, actor: Actor, command: RemoveProvider) -> None:
    actor.require(permissions.PROVIDERS_WRITE)
    require_operator(actor)
    (setup, _, _), in_use = await unit.fetch(_store.locked(command.name), _store.is_in_use(command.name))
    if in_use:
        raise ProviderInUse(given=command.name)
    unit.write(_store.delete(setup.id))
    unit.emit(_event(PROVIDER_REMOVED, setup, actor))


class SettingUp:
    """The use cases that seal secrets or judge URLs."""

    def __init__(self, sealer: Sealer, outbound: Outbound, clock: Clock) -> None:
        self._sealer = sealer
        self._outbound = outbound
        self._clock = clock

    async def add(self, unit: Unit, actor: Actor, command: AddProvider) -> ProviderView:
        actor.require(permissions.PROVIDERS_WRITE)
        require_operator(actor)
        if await unit.fetch(_store.is_set_up(command.name)):
            raise ProviderNameTaken(given=command.name)
        key = new_key() if command.kind == "http" else None
        setup = ProviderSetup(
            id=ProviderId(new_id()),
            name=command.name,
            kind=command.kind,
            url=command.url,
            secret=None if key is None else Sealed(self._sealer.seal(key)),
            concurrency=command.concurrency,
            calls_per_minute=command.calls_per_minute,
            timeout_seconds=command.timeout_seconds,
            idempotent=command.idempotent,
            trips_after=command.trips_after,
            created_at=unit.now,
            version=1,
        )
        self._check(setup)
        unit.write(_store.insert(setup))
        unit.emit(_event(PROVIDER_ADDED, setup, actor))
        return ProviderView(setup, Circuit(), "closed", secret=None if key is None else secret_of(key))

    async def change(self, unit: Unit, actor: Actor, command: ChangeProvider) -> ProviderView:
        actor.require(permissions.PROVIDERS_WRITE)
        require_operator(actor)
        before, circuit, _ = await unit.fetch(_store.locked(command.name))
        if command.expected_version not in (None, before.version):
            raise VersionStale
        after = replace(
            before,
            url=_or(command.url, before.url),
            concurrency=_or(command.concurrency, before.concurrency),
            calls_per_minute=_or(command.calls_per_minute, before.calls_per_minute),
            timeout_seconds=_or(command.timeout_seconds, before.timeout_seconds),
            idempotent=_or(command.idempotent, before.idempotent),
            trips_after=_or(command.trips_after, before.trips_after),
        )
        self._check(after)
        if after == before:
            return ProviderView(before, circuit, circuit.state(unit.now))
        after = replace(after, version=before.version + 1)
        unit.write(_store.update(after), _store.save_condition(after.id, Circuit(), None))
        unit.emit(_event(PROVIDER_CHANGED, after, actor))
        return ProviderView(after, Circuit(), "closed")

    async def rotate_secret(self, unit: Unit, actor: Actor, command: RotateProviderSecret) -> ProviderView:
        """A new secret; the one before the old one, if it was still good, is good no more."""
        actor.require(permissions.PROVIDERS_WRITE)
        require_operator(actor)
        if not 0 <= command.overlap_seconds <= LONGEST_OVERLAP_SECONDS:
            message = f"Give 0 to {LONGEST_OVERLAP_SECONDS} seconds (seven days)."
            raise ProviderRefused(Problem("overlap_seconds", message, "range"))
        before, circuit, _ = await unit.fetch(_store.locked(command.name))
        if before.secret is None:
            raise ProviderHasNoSecret(given=before.name)
        key, until = new_key(), self._until(command.overlap_seconds)
        secret = Sealed(self._sealer.seal(key), before.secret.current if until else None, until)
        after = replace(before, secret=secret, version=before.version + 1)
        unit.write(_store.update(after))
        data = {"name": after.name, "previous_valid_until": rfc3339(until) if until else None}
        unit.emit(Event(PROVIDER_SECRET_ROTATED, after.id, OrganizationId(actor.tenant_id), data))
        return ProviderView(after, circuit, circuit.state(unit.now), secret=secret_of(key))

    def _until(self, overlap_seconds: int) -> datetime | None:
        return self._clock.now() + timedelta(seconds=overlap_seconds) if overlap_seconds else None

    def _check(self, setup: ProviderSetup) -> None:
        problems = setup.problems()
        unusable = self._outbound.problem_with(setup.url) if setup.url is not None else None
        if unusable is not None:
            problems.append(Problem("url", unusable))
        if problems:
            raise ProviderRefused(*problems)


def _or(given: T | None, before: T) -> T:
    return before if given is None else given


def _event(type_: str, setup: ProviderSetup, actor: Actor) -> Event:
    data = {"name": setup.name, "kind": setup.kind}
    return Event(type_, setup.id, OrganizationId(actor.tenant_id), data)
