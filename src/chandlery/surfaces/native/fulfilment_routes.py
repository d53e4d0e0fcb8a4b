"""The part of the table of contents that is about fulfilment: what waits, who provides, and the sandbox vendor."""

from __future__ import annotations

from chandlery.fulfilment.callbacks import MAX_BODY_BYTES as MAX_CALLBACK_BYTES
from chandlery.identity import permissions as p
from chandlery.surfaces.native import fulfilment, providers, sandbox
from chandlery.surfaces.native.dialect import PageBody, PageQuery
from chandlery.surfaces.native.entry import entry as _to

_ONCE_ONLY = "The secret is in no other answer, so this takes no Idempotency-Key: a repetition makes another."

# fmt: off
FULFILMENT = (
    _to("GET", "/v1/fulfilment/waiting", fulfilment.list_waiting, p.FULFILMENT_READ,
        "What waits at a provider and why, oldest first",
        description="`provider=manual` is the list of tasks for people; `complete` and `refuse` of the line end one.",
        query=fulfilment.WaitingQuery, reply=PageBody[fulfilment.WaitingBody]),
    _to("POST", "/v1/fulfilment/callbacks/{provider}", fulfilment.receive_callback, None,
        "A vendor's answer, later", public=True, status=204, body=bytes, accepts=("application/json",),
        description="Proven by its signature (`webhook-id`, `webhook-timestamp`, `webhook-signature`), not by a token.",
        max_body_bytes=MAX_CALLBACK_BYTES),
    _to("GET", "/v1/fulfilment/providers", providers.list_providers, p.PROVIDERS_READ,
        "Providers that were set up, oldest first", query=PageQuery, reply=PageBody[providers.ProviderBody]),
    _to("POST", "/v1/fulfilment/providers", providers.add_provider, p.PROVIDERS_WRITE, "Set up a provider",
        status=201, description=_ONCE_ONLY, once=False,
        body=providers.NewProvider, reply=providers.ProviderWithSecret),
    _to("GET", "/v1/fulfilment/providers/{provider_name}", providers.get_provider, p.PROVIDERS_READ,
        "A provider, how it is, and its load", reply=providers.ProviderDetail),
    _to("PATCH", "/v1/fulfilment/providers/{provider_name}", providers.change_provider, p.PROVIDERS_WRITE,
        "Change a provider", description="It starts afresh: its circuit is closed.",
        body=providers.ProviderChange, reply=providers.ProviderBody),
    _to("POST", "/v1/fulfilment/providers/{provider_name}/rotate-secret", providers.rotate_provider_secret,
        p.PROVIDERS_WRITE, "Give a provider a new secret", description=_ONCE_ONLY, once=False,
        body=providers.ProviderSecretRotation, reply=providers.ProviderWithSecret),
    _to("DELETE", "/v1/fulfilment/providers/{provider_name}", providers.remove_provider, p.PROVIDERS_WRITE,
        "Remove a provider that nothing uses", status=204),
    _to("PUT", "/v1/sandbox/faults", sandbox.set_sandbox_faults, p.FULFILMENT_OPERATE,
        "Make the sandbox vendor fail", body=sandbox.FaultsBody, reply=sandbox.FaultsBody, once=False),
    _to("DELETE", "/v1/sandbox/faults", sandbox.clear_sandbox_faults, p.FULFILMENT_OPERATE,
        "Let the sandbox vendor work without faults", status=204, once=False),
    _to("GET", "/v1/sandbox/ledger", sandbox.read_sandbox_ledger, p.FULFILMENT_READ,
        "The books of the sandbox vendor", query=sandbox.LedgerQuery, reply=sandbox.LedgerBody),
)
# fmt: on
