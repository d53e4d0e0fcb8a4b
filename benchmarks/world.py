"""Who trades in the benchmark and with what: set up over HTTP, as an operator would."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.flow import Target
from benchmarks.servers import Server

CONNECTIONS = 8
CLIENTS = 24
CUSTOMERS = 20
FLOW_SKUS = ("bench-suite-1", "bench-suite-2")
_HEADER = ("vendor", "product", "sku", "name", "unit", "term", "billing", "currency", "cost", "retail")


@dataclass(frozen=True, slots=True)
class World:
    """What a measurement needs to know of the tenant."""

    tenant_id: str
    reseller_id: str
    customers: tuple[str, ...]
    tokens: tuple[str, ...]
    """Of the reseller's API clients: together they ask for more than one client may."""
    operator_token: str

    def target(self, port: int) -> Target:
        groups = [self.tokens[first::CONNECTIONS] for first in range(CONNECTIONS)]
        return Target(port, groups, self.customers, FLOW_SKUS)


def price_sheet(rows: int, prefix: str) -> bytes:
    """A multi-vendor list of so many plans."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for n in range(1, rows + 1):
        cost = f"{1 + n % 400}.{n % 100:02}"
        retail = f"{2 + n % 400}.{n % 100:02}"
        plan = (f"vendor-{n % 20}", f"{prefix}-product-{n // 10}", f"{prefix}-{n}", f"Plan {n} of {prefix}")
        writer.writerow((*plan, "user", "P1Y", "monthly", "USD", cost, retail))
    return text.getvalue().encode()


def found_world(server: Server) -> World:
    """An operator, a reseller with API clients, its customers, a small price list and two mark-ups."""
    made = server.command("found", "--name", "Bench Distribution", "--json")
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as http:
        operator = _sign_in(http, made["client_id"], made["client_secret"])
        reseller = _organization(http, operator, made["organization_id"], "reseller", "Bench Cloud")
        clients = [
            _post(
                http,
                operator,
                "/v1/api-clients",
                {"organization_id": reseller, "name": f"Desk {n}", "role": "owner"},
            )
            for n in range(CLIENTS)
        ]
        tokens = [_sign_in(http, client["id"], client["client_secret"]) for client in clients]
        customers = [
            _organization(http, tokens[0], reseller, "customer", f"Customer {n}") for n in range(CUSTOMERS)
        ]
        upload(http, operator, price_sheet(100, "bench-suite"))
        for token, percent in ((operator, "4"), (tokens[0], "15")):
            rule = {"target_kind": "all", "kind": "percent", "value": percent}
            _post(http, token, "/v1/price-rules", rule)
    return World(made["organization_id"], reseller, tuple(customers), tuple(tokens), operator)


def upload(http: httpx.Client, token: str, sheet: bytes) -> Any:
    answer = http.post(
        "/v1/price-sheets",
        params={"format": "multi-vendor", "complete": "false"},
        content=sheet,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "text/csv"},
    )
    return _expected(answer, 200)


def _organization(http: httpx.Client, token: str, parent: str, kind: str, name: str) -> str:
    body = {"parent_id": parent, "kind": kind, "name": name}
    return str(_post(http, token, "/v1/organizations", body)["id"])


def _sign_in(http: httpx.Client, client_id: str, secret: str) -> str:
    answer = http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
    return str(_expected(answer, 200)["access_token"])


def _post(http: httpx.Client, token: str, path: str, body: Any) -> Any:
    return _expected(http.post(path, json=body, headers={"Authorization": f"Bearer {token}"}), 201)


def _expected(answer: httpx.Response, status: int) -> Any:
    if answer.status_code != status:
        call = f"{answer.request.method} {answer.request.url.path}"
        raise RuntimeError(f"{call} answered {answer.status_code} instead of {status}: {answer.text[:600]}")
    return answer.json()
