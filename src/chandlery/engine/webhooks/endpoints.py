"""Endpoints of an organisation: registering, changing, rotating the secret, deleting, and looking them up.

A secret is told when it is made and then never again; at rest it is sealed. What needs the seal or the rules for
outbound calls is a method of `Webhooks`, which the app makes once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from chandlery.engine.event_stream.catalogue import EventCatalogue
from chandlery.engine.event_stream.filters import EVERYTHING, EventFilterUnreadable, check_patterns
from chandlery.engine.outbound import Outbound
from chandlery.engine.signatures import Sealer, new_key, secret_of
from chandlery.engine.unit import Reader, Unit
from chandlery.engine.webhooks._store import deliveries as lanes
from chandlery.engine.webhooks._store import endpoints as _store
from chandlery.engine.webhooks.endpoint import Endpoint, EndpointId, NewSecret
from chandlery.engine.webhooks.errors import EndpointOwnerUnknown, EndpointRefused, TooManyEndpoints
from chandlery.engine.webhooks.events import (
    WEBHOOK_ADDED,
    WEBHOOK_CHANGED,
    WEBHOOK_DELETED,
    WEBHOOK_SECRET_ROTATED,
)
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import Clock, rfc3339
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

WEBHOOKS_READ = "webhooks:read"
WEBHOOKS_WRITE = "webhooks:write"

MOST_ENDPOINTS = 20
"""Of one organisation."""
LONGEST_DESCRIPTION = 500
OVERLAP_SECONDS = 24 * 3600
LONGEST_OVERLAP_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class RegisterEndpoint:
    """`organization_id` None means the actor's own; it gets the events of that organisation and of those below it."""

    url: str
    events: tuple[str, ...] = (EVERYTHING,)
    description: str = ""
    organization_id: OrganizationId | None = None


@dataclass(frozen=True, slots=True)
class ChangeEndpoint:
    """None leaves as it is."""

    endpoint_id: EndpointId
    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """For `overlap_seconds` messages are signed with the old secret too; 0 when the old one has leaked."""

    endpoint_id: EndpointId
    overlap_seconds: int = OVERLAP_SECONDS


@dataclass(frozen=True, slots=True)
class FindEndpoints:
    """The endpoints of one organisation, oldest first; None means the actor's own."""

    organization_id: OrganizationId | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def get_endpoint(reader: Reader, actor: Actor, endpoint_id: EndpointId) -> Endpoint:
    actor.require(WEBHOOKS_READ)
    return await reader.fetch(_store.get(endpoint_id))


async def find_endpoints(reader: Reader, actor: Actor, query: FindEndpoints) -> Page[Endpoint]:
    actor.require(WEBHOOKS_READ)
    of = query.organization_id or actor.organization_id
    found = await reader.fetch(_store.find(of, query.page.after, query.page.limit + 1))
    return page_of(found, query.page.limit, lambda endpoint: (endpoint.created_at, endpoint.id))


async def delete_endpoint(unit: Unit, actor: Actor, endpoint_id: EndpointId) -> None:
    """Deletes the log of deliveries with it. What is on its way right now may still arrive."""
    actor.require(WEBHOOKS_WRITE)
    endpoint = await unit.fetch(_store.lock(endpoint_id))
    unit.write(_store.delete(endpoint.id))
    unit.emit(Event(WEBHOOK_DELETED, endpoint.id, endpoint.organization_id))


class Webhooks:
    """The use cases that seal secrets or judge URLs. With a catalogue, filters that match no event are refused."""

    def __init__(
        self, sealer: Sealer, outbound: Outbound, clock: Clock, catalogue: EventCatalogue | None = None
    ) -> None:
        self._sealer = sealer
        self._outbound = outbound
        self._clock = clock
        self._catalogue = catalogue

    async def register(self, unit: Unit, actor: Actor, command: RegisterEndpoint) -> NewSecret:
        """A new endpoint, which gets what is committed from now on, its own `webhook.added` first if it wants that."""
        actor.require(WEBHOOKS_WRITE)
        self._check(command.url, command.events, command.description)
        owner_id = command.organization_id or actor.organization_id
        path, _, there_are = await unit.fetch(
            _store.owner_path(owner_id), _store.one_at_a_time(owner_id), _store.count(owner_id)
        )
        if path is None:
            raise EndpointOwnerUnknown
        if there_are >= MOST_ENDPOINTS:
            raise TooManyEndpoints(given=str(MOST_ENDPOINTS))
        key, endpoint_id = new_key(), EndpointId(new_id())
        events = tuple(dict.fromkeys(command.events))
        sealed = self._sealer.seal(key)
        new = _store.Registration(endpoint_id, owner_id, command.url, command.description, events, sealed)
        unit.write(*_store.add(new))
        unit.emit(Event(WEBHOOK_ADDED, endpoint_id, owner_id, {"events": list(events), "enabled": True}))
        endpoint = Endpoint(
            endpoint_id,
            owner_id,
            command.url,
            command.description,
            events,
            enabled=True,
            disabled_reason=None,
            failing_since=None,
            previous_secret_until=None,
            created_at=unit.now,
            version=1,
        )
        return NewSecret(endpoint, secret_of(key))

    async def change(self, unit: Unit, actor: Actor, command: ChangeEndpoint) -> Endpoint:
        """Enabled again, an endpoint gets what waited for it, and not what happened while it was disabled."""
        actor.require(WEBHOOKS_WRITE)
        self._check(command.url, command.events, command.description)
        before = await unit.fetch(_store.lock(command.endpoint_id))
        if command.expected_version not in (None, before.version):
            raise VersionStale
        after = _changed(before, command)
        if after == before:
            return before
        afresh = after.url != before.url or (after.enabled and not before.enabled)
        after = replace(after, version=before.version + 1)
        if afresh:
            after = replace(after, failing_since=None)
        unit.write(_store.save(after, afresh), lanes.settle([after.id], None, self._clock.now()))
        data = {"events": list(after.events), "enabled": after.enabled}
        unit.emit(Event(WEBHOOK_CHANGED, after.id, after.organization_id, data))
        return after

    async def rotate_secret(self, unit: Unit, actor: Actor, command: RotateSecret) -> NewSecret:
        """A new secret; the one before the old one, if it still signed, signs no more."""
        actor.require(WEBHOOKS_WRITE)
        if not 0 <= command.overlap_seconds <= LONGEST_OVERLAP_SECONDS:
            raise EndpointRefused(
                Problem("overlap_seconds", f"Give 0 to {LONGEST_OVERLAP_SECONDS} seconds (seven days).")
            )
        endpoint = await unit.fetch(_store.lock(command.endpoint_id))
        key = new_key()
        overlap = timedelta(seconds=command.overlap_seconds)
        until = self._clock.now() + overlap if overlap else None
        unit.write(_store.rotate(endpoint.id, self._sealer.seal(key), until))
        data = {"previous_valid_until": rfc3339(until) if until else None}
        unit.emit(Event(WEBHOOK_SECRET_ROTATED, endpoint.id, endpoint.organization_id, data))
        rotated = replace(endpoint, previous_secret_until=until, version=endpoint.version + 1)
        return NewSecret(rotated, secret_of(key))

    def _check(self, url: str | None, events: tuple[str, ...] | None, description: str | None) -> None:
        problems = []
        url_problem = self._outbound.problem_with(url) if url is not None else None
        if url_problem is not None:
            problems.append(Problem("url", url_problem))
        if events is not None:
            problems += self._problems_with_events(events)
        if description is not None and len(description) > LONGEST_DESCRIPTION:
            problems.append(Problem("description", f"Keep it to {LONGEST_DESCRIPTION} characters."))
        if problems:
            raise EndpointRefused(*problems)

    def _problems_with_events(self, events: tuple[str, ...]) -> list[Problem]:
        try:
            check_patterns(events)
        except EventFilterUnreadable as refusal:
            return list(refusal.problems)
        return self._catalogue.problems_with(events) if self._catalogue else []


def _changed(before: Endpoint, command: ChangeEndpoint) -> Endpoint:
    enabled = before.enabled if command.enabled is None else command.enabled
    return replace(
        before,
        url=before.url if command.url is None else command.url,
        events=before.events if command.events is None else tuple(dict.fromkeys(command.events)),
        description=before.description if command.description is None else command.description,
        enabled=enabled,
        disabled_reason=None if enabled else before.disabled_reason or "asked",
    )
