"""What the native API needs beyond the engine, as `app` wires it into `House.wired`.

Most handlers know `call.perform` and `call.read` alone. Secrets are minted, passwords hashed, price sheets streamed and
vendors' callbacks received outside a unit of work; what that takes is here.
"""

from __future__ import annotations

from typing import Protocol

from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.identity.gate import Gate
from chandlery.kernel.errors import NotFound
from chandlery.surfaces.http.call import Call


class SandboxNotWired(NotFound):
    """There is no sandbox vendor on this server; it comes with the provider named sandbox."""


class Wired(Protocol):
    """`sandbox` is None where that provider is not set up."""

    @property
    def engine(self) -> Engine: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def sandbox(self) -> Sandbox | None: ...


def wired(call: Call) -> Wired:
    found: Wired = call.house.wired
    return found


def sandbox(call: Call) -> Sandbox:
    vendor = wired(call).sandbox
    if vendor is None:
        raise SandboxNotWired
    return vendor
