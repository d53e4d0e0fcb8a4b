"""What the native API needs beyond the engine, as `app` wires it into `House.wired`.

Most handlers know `call.perform` and `call.read` alone. Secrets are minted, passwords hashed, price sheets streamed and
vendors' callbacks received outside a unit of work; what that takes is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chandlery.engine.event_stream.catalogue import EventCatalogue
from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine, Reader
from chandlery.engine.webhooks.endpoints import Webhooks
from chandlery.engine.webhooks.redelivery import Redelivery
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.fulfilment.setting_up import SettingUp
from chandlery.identity.gate import Gate
from chandlery.identity.organizations import Organization, organization_query
from chandlery.identity.personal_tokens import TokenForm
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import NotFound
from chandlery.surfaces.http.call import Call


class SandboxNotWired(NotFound):
    """There is no sandbox vendor on this server; it comes with the provider named sandbox."""


class Wired(Protocol):
    """`sandbox` is None where that provider is not set up; `token_forms` has a form of personal token per surface."""

    @property
    def engine(self) -> Engine: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def setting_up(self) -> SettingUp: ...
    @property
    def sandbox(self) -> Sandbox | None: ...
    @property
    def outbound(self) -> Outbound: ...
    @property
    def token_forms(self) -> Mapping[str, TokenForm]: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def redelivery(self) -> Redelivery: ...
    @property
    def events(self) -> EventCatalogue: ...


def wired(call: Call) -> Wired:
    found: Wired = call.house.wired
    return found


async def sandbox(call: Call) -> Sandbox:
    """The vendor, for a caller whose session stands: the vendor's own statements do not check that."""
    vendor = wired(call).sandbox
    if vendor is None:
        raise SandboxNotWired
    await call.read(own_organization, None)
    return vendor


async def own_organization(reader: Reader, actor: Actor, _command: None) -> Organization:
    """No permission is asked for: a token may always know whose it is."""
    return await reader.fetch(organization_query(actor.organization_id))
