"""A vendor over HTTP behind the provider port: each call is signed, and one that failed says what is certain of it.

Nothing was sent: `NotSent` or `HostUnreachable`, which is raised. Something was: `Unknown`, unless the vendor has
answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine import signatures
from chandlery.engine.outbound import Answer, AnswerLost, AnswerTooLarge, Outbound
from chandlery.engine.signatures import Sealer
from chandlery.fulfilment.http import protocol
from chandlery.fulfilment.port import Outcome, Request, Unknown
from chandlery.fulfilment.providers import NotSent
from chandlery.fulfilment.setup import ProviderSetup
from chandlery.kernel.clock import Clock
from chandlery.kernel.errors import Invalid, Unavailable
from chandlery.kernel.ids import TenantId, new_id

KIND = "http"
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


@dataclass(frozen=True, slots=True)
class HttpVendors:
    """Makes the vendor that an operator has set up."""

    outbound: Outbound
    sealer: Sealer
    clock: Clock

    def __call__(self, setup: ProviderSetup) -> HttpVendor:
        return HttpVendor(setup, self)


@dataclass(frozen=True, slots=True)
class HttpVendor:
    setup: ProviderSetup
    means: HttpVendors

    async def provision(self, request: Request) -> Outcome:
        return await self._send("provision", request)

    async def change(self, request: Request) -> Outcome:
        return await self._send("change", request)

    async def suspend(self, request: Request) -> Outcome:
        return await self._send("suspend", request)

    async def resume(self, request: Request) -> Outcome:
        return await self._send("resume", request)

    async def cancel(self, request: Request) -> Outcome:
        return await self._send("cancel", request)

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        answer = await self._post(protocol.question(account, reference))
        return answer if isinstance(answer, Unknown) else protocol.report_of(answer)

    async def _send(self, action: protocol.Action, request: Request) -> Outcome:
        answer = await self._post(protocol.wanted(action, request))
        if isinstance(answer, Unknown):
            return answer
        return protocol.outcome_of(answer, self.setup.idempotent)

    async def _post(self, body: bytes) -> Answer | Unknown:
        """One call under an id of its own: a vendor that drops what it has heard before still hears every question."""
        headers = signatures.sign(self._keys(), f"msg_{new_id().hex}", self.means.clock.now(), body)
        try:
            return await self.means.outbound.send(
                "POST", self.setup.url or "", {**_HEADERS, **headers}, body, self.setup.timeout_seconds
            )
        except Invalid as refusal:  # the URL was good when it was set up, and leads elsewhere now
            raise NotSent(given=refusal.message()) from refusal
        except (AnswerLost, AnswerTooLarge) as error:
            return Unknown(error.detail, self.setup.idempotent)

    def _keys(self) -> list[bytes]:
        secret = self.setup.secret
        try:
            valid = () if secret is None else secret.valid(self.means.clock.now())
            return [self.means.sealer.open(sealed) for sealed in valid]
        except Unavailable as error:
            raise NotSent(given=error.message()) from error
