"""A provider's answer, later: signed, checked, kept with the provisioning, and an event that wakes the order's job.

The answer is only kept here. The job reads it under the order's lock, because what follows from it concerns rooms that
this one does not know. A callback may come twice, or before the call it answers has returned: neither matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from chandlery.engine import signatures
from chandlery.engine.unit import Unit
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment._store import providers as provider_store
from chandlery.fulfilment._store import provisionings as _store
from chandlery.fulfilment.errors import (
    CallbackNotAuthentic,
    CallbackUnreadable,
    ProviderUnknown,
    ProvisioningUnknown,
)
from chandlery.fulfilment.port import Done, Failed, Outcome, Refused
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.provisioning import can_be_kept
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ProvisioningId, TenantId, parse_id

MAX_BODY_BYTES = 64 * 1024


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a callback says, on the wire."""

    reference: str
    status: Literal["done", "refused", "failed"]
    vendor_reference: str = ""
    reason: str = ""
    facts: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ReceivedCallback:
    """A callback as it came: header names in lower case, the body untouched.

    `provider` is the name of one that is built in, or the id of one that was set up: names are a tenant's own.
    """

    provider: str
    headers: Mapping[str, str]
    body: bytes


async def receive(engine: Engine, providers: Providers, callback: ReceivedCallback) -> None:
    """Take a provider's callback; whoever sends it proves himself by the signature alone."""
    sender = await _sender(engine, providers, callback.provider)
    if len(callback.body) > MAX_BODY_BYTES or not signatures.is_signed(
        sender.keys, callback.headers, callback.body, engine.clock.now()
    ):
        raise CallbackNotAuthentic
    message = _decode(callback.body)
    reference = parse_id(message.reference)
    tenant_id = await engine.look_up(_store.tenant_of(sender.name, reference)) if reference else None
    if reference is None or tenant_id is None or sender.tenant_id not in (None, tenant_id):
        raise ProvisioningUnknown(given=message.reference)
    await engine.perform(
        system(TenantId(tenant_id), f"callback:{sender.name}"),
        keep_answer,
        Answered(ProvisioningId(reference), message),
    )


@dataclass(frozen=True, slots=True)
class _Sender:
    """A provider that may call back: for one tenant alone, where it is that tenant's own."""

    name: str
    tenant_id: TenantId | None
    keys: list[bytes] = field(repr=False)


async def _sender(engine: Engine, providers: Providers, provider: str) -> _Sender:
    key = providers.callback_keys.get(provider)
    if key is not None:
        return _Sender(provider, None, [key])
    provider_id = parse_id(provider)
    found = await engine.look_up(provider_store.secrets(provider_id)) if provider_id else None
    if found is None or providers.sealer is None:
        raise ProviderUnknown(given=provider)
    tenant_id, name, secret = found
    return _Sender(name, tenant_id, [providers.sealer.open(one) for one in secret.valid(engine.clock.now())])


@dataclass(frozen=True, slots=True)
class Answered:
    provisioning_id: ProvisioningId
    message: Message


async def keep_answer(unit: Unit, actor: Actor, command: Answered) -> None:
    actor.require(permissions.FULFILMENT_OPERATE)
    found = await unit.fetch(_store.by_id(command.provisioning_id))
    if found.is_settled or found.answer is not None:
        return
    answer: dict[str, Any] = msgspec.to_builtins(command.message)
    unit.write(_store.update(replace(found, answer=answer)))
    facts = {"order_id": str(found.order_id), "line_id": str(found.line_id), "status": command.message.status}
    unit.emit(Event("provisioning.answered", found.id, found.owner_id, facts))


def outcome_of(answer: Mapping[str, Any]) -> Outcome:
    """What a kept answer means."""
    reason = str(answer.get("reason") or "The vendor gave no reason.")
    match answer["status"]:
        case "done":
            return Done(str(answer["vendor_reference"]), answer.get("facts") or {})
        case "refused":
            return Refused(reason)
        case _:
            return Failed(reason)


def _decode(body: bytes) -> Message:
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CallbackUnreadable(Problem("", str(error))) from None
    texts = (message.reference, message.vendor_reference, message.reason)
    if any(len(text) > 1000 or "\x00" in text for text in texts):
        raise CallbackUnreadable(Problem("", "texts are at most 1,000 characters, without NUL"))
    if not can_be_kept(message.facts):
        raise CallbackUnreadable(Problem("facts", "facts are at most 16 KiB of JSON, without NUL"))
    if message.status == "done" and not message.vendor_reference:
        raise CallbackUnreadable(Problem("vendor_reference", CallbackUnreadable.message(), "required"))
    return message
