"""The play: every step of the main job as a client would take it, over HTTP, each with what it must come to."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import as_file, files
from typing import Any

import httpx
from rich.markup import escape

from chandlery.app.demo.client import Client, Json, Unexpected, expect
from chandlery.app.demo.server import ThrowAwayServer
from chandlery.app.demo.stage import Stage, amount, coloured
from chandlery.engine.children import CannotStart

SHEETS = (("microsoft", "microsoft-nce-price-sheet.csv"), ("multi-vendor", "multi-vendor-price-list.csv"))
BUSINESS_BASIC_MONTHLY = "CFQ7TTC0LH18:0001:P1Y:monthly"
GWS, DOCK = "gws-business-starter", "dock-usb-c"


@dataclass
class Play:
    """The throw-away server, the stage, and what the acts before have left for those after them."""

    server: ThrowAwayServer
    stage: Stage
    operator: Client = field(init=False)
    reseller: Client = field(init=False)
    ids: dict[str, str] = field(default_factory=dict)

    def sign_in(self, client_id: str, client_secret: str) -> Client:
        client = Client(self.server.base_url, client_id, client_secret)
        client.sign_in()
        return client


def play(*, keep: bool = False) -> int:
    """Run the demo; 0 when every step came to what it should, else 1."""
    stage = Stage()
    try:
        with ThrowAwayServer(keep=keep) as server:
            acts = Play(server, stage)
            for act in (found, build_tree, import_sheets, set_markup, order, fulfil, cut_the_power):
                act(acts)
            if keep:
                stage.note(f"The data directory stays at {server.data}.")
    except (Unexpected, CannotStart, httpx.HTTPError, KeyError) as broken:
        stage.broken(escape(f"{type(broken).__name__}: {broken}"))
        return 1
    stage.curtain(
        [
            "From two price lists to running subscriptions: previewed, ordered, provisioned, proven.",
            "Keep one running:  chandlery serve --demo     Its API:  /docs     Its clients:  chandlery credentials",
        ]
    )
    return 0


def found(acts: Play) -> None:
    acts.stage.act("A server from nothing")
    acts.stage.done(f"PostgreSQL, API and worker are up at {acts.server.base_url}")
    made = _command(acts, "found", "--name", "Harbour Distribution", "--json")
    acts.operator = acts.sign_in(made["client_id"], made["client_secret"])
    acts.ids["operator"] = made["organization_id"]
    me = acts.operator.get("/v1/me")
    expect(me["organization"]["kind"] == "operator", f"the founder acts for {me['organization']}")
    acts.stage.done("The operator [bold]Harbour Distribution[/] is founded; its API client is signed in")


def build_tree(acts: Play) -> None:
    acts.stage.act("Who trades: a reseller, its customers, their credentials")
    reseller = _organization(acts.operator, acts.ids["operator"], "reseller", "Quayside Cloud")
    newcomer = {"organization_id": reseller, "email": "purchasing@quayside.example", "name": "Purchasing"}
    acts.operator.write("POST", "/v1/users", newcomer | {"role": "ordering"}, expect=201)
    minted = acts.operator.write(
        "POST",
        "/v1/api-clients",
        {
            "organization_id": reseller,
            "name": "Quayside order desk",
            "role": "owner",
            "grants": ["client_credentials"],
        },
        expect=201,
    )
    acts.reseller = acts.sign_in(minted["id"], minted["client_secret"])
    acts.ids["reseller"] = reseller
    for name in ("Lighthouse Bakery", "Breakwater Studio"):
        acts.ids[name] = _organization(acts.reseller, reseller, "customer", name)
    acts.stage.done("Reseller [bold]Quayside Cloud[/] with a user and an API client of its own")
    acts.stage.done("Its customers [bold]Lighthouse Bakery[/] and [bold]Breakwater Studio[/]")
    tree = acts.reseller.get("/v1/organizations")["items"]
    expect(acts.ids["operator"] not in {o["id"] for o in tree}, "the reseller sees the organisation above it")
    acts.reseller.refused("GET", f"/v1/organizations/{acts.ids['operator']}", None, expect=404)
    acts.stage.done("The reseller sees its own subtree; what is above it does not exist for it (404)")


def import_sheets(acts: Play) -> None:
    acts.stage.act("What is for sale: two price lists")
    rows = []
    with acts.stage.progress() as progress:
        for form, name in SHEETS:
            with as_file(files("chandlery.app") / "demo_data" / name) as file:
                task = progress.add_task(name, total=file.stat().st_size)
                advance = partial(progress.advance, task)
                report = acts.operator.upload("/v1/price-sheets", file, advance, format=form)
                again = acts.operator.upload("/v1/price-sheets", file, lambda _: None, format=form)
            expect(not report["errors"], f"{name} has bad rows: {report['errors'][:3]}")
            expect(
                again["added"] == 0 and again["changed"] == 0,
                f"importing {name} again changed something: {again}",
            )
            rows.append((name, *(str(report[k]) for k in ("rows", "added", "changed", "ended"))))
    acts.stage.table(
        ("sheet", "rows", "added", "changed", "ended"), rows, right=("rows", "added", "changed", "ended")
    )
    acts.stage.done("Imported; a second import of the same sheets changes nothing")


def set_markup(acts: Play) -> None:
    acts.stage.act("For how much: a waterfall of mark-ups")
    acts.operator.write("POST", "/v1/price-rules", {"kind": "percent", "value": "4"}, expect=201)
    acts.reseller.write("POST", "/v1/price-rules", {"kind": "percent", "value": "15"}, expect=201)
    query = {"customer_id": acts.ids["Lighthouse Bakery"], "sku": GWS, "quantity": 10, "currency": "USD"}
    rows = []
    for name, client in (("Harbour Distribution", acts.operator), ("Quayside Cloud", acts.reseller)):
        steps = client.get("/v1/prices/explain", **query)["steps"]
        rows += [(name, step["because"], step["rate"], amount(step["amount_minor"], "USD")) for step in steps]
        expect(len(steps) == 2, f"{name} sees {len(steps)} steps of the waterfall instead of its own two")
    acts.stage.table(
        ("who asks", "how it came about", "per user and month", "for 10"), rows, right=("for 10",)
    )
    acts.stage.done("Each party sees what it pays and what it charges, and no other tier's figures")


def order(acts: Play) -> None:
    acts.stage.act("An order: draft, preview, checkout")
    draft = acts.reseller.write(
        "POST",
        "/v1/orders",
        {"customer_id": acts.ids["Lighthouse Bakery"], "po_number": "PO-2026-0117"},
        expect=201,
    )
    path = f"/v1/orders/{draft['id']}"
    problem = acts.reseller.refused(
        "POST", f"{path}/lines", {"sku": GWS, "quantity": 0, "colour": "red"}, expect=422
    )
    named = ", ".join(sorted(error["field"] for error in problem["errors"]))
    acts.stage.done(f"Bad input is refused with every field named: [bold]{named}[/]")
    for sku, quantity in ((BUSINESS_BASIC_MONTHLY, 10), (GWS, 5), (DOCK, 3)):
        acts.reseller.write("POST", f"{path}/lines", {"sku": sku, "quantity": quantity}, expect=201)
    _set_faults(
        acts,
        {"plan_code": BUSINESS_BASIC_MONTHLY, "behaviour": "fail", "times": 2},
        {"sku_code": GWS, "behaviour": "accept", "seconds": 2},
    )
    preview = acts.reseller.write("POST", f"{path}/checkout", expect=202, dry_run="true")
    unchanged = acts.reseller.get(path)
    expect(unchanged["status"] == "draft", f"the preview left the order {unchanged['status']}")
    acts.stage.table(
        ("line", "quantity", "you pay", "your customer pays"),
        [_priced(line) for line in preview["lines"]],
        right=("quantity", "you pay", "your customer pays"),
    )
    acts.stage.done(
        f"Previewed at {_total(preview)}: the real road and a roll-back, the order is still a draft"
    )
    placed = [
        acts.reseller.write("POST", f"{path}/checkout", expect=202, key="checkout-of-PO-2026-0117")
        for _ in range(3)
    ]
    expect(all(answer == placed[0] for answer in placed), "equal checkouts were answered differently")
    expect(placed[0]["totals"] == preview["totals"], "the preview and the outcome differ")
    acts.stage.done(
        f"Checked out as [bold]{draft['number']}[/], three times under one Idempotency-Key: one order, one answer"
    )
    acts.ids["order"] = draft["id"]


def fulfil(acts: Play) -> None:
    acts.stage.act("The vendor delivers, not without trouble")
    path = f"/v1/orders/{acts.ids['order']}"
    with acts.stage.waiting("the worker provisions each line at the sandbox vendor"):
        done = acts.reseller.until(path, lambda order: order["status"] == "completed")
    history = acts.reseller.get(f"{path}/events", limit=100)["items"]
    acts.stage.table(
        ("when", "what", "line", "why"),
        [_told(event, done["lines"]) for event in history],
    )
    kinds = [event["type"] for event in history]
    expect(kinds.count("order.line_retrying") >= 2, "the line that fails twice was not retried twice")
    expect("order.line_accepted" in kinds, "no line was accepted and finished by callback")
    expect(kinds[-1] == "order.completed", f"the history ends with {kinds[-1]}")
    acts.stage.done(
        "One line failed twice before it succeeded, one was accepted and finished by a signed callback"
    )
    subscriptions = acts.reseller.get("/v1/subscriptions", customer_id=acts.ids["Lighthouse Bakery"])["items"]
    expect(len(subscriptions) == 2, f"{len(subscriptions)} subscriptions instead of 2")
    expect({s["status"] for s in subscriptions} == {"active"}, f"not all are active: {subscriptions}")
    acts.stage.done("Two subscriptions are active; the three docks are one-time goods and need none")


def cut_the_power(acts: Play) -> None:
    acts.stage.act("Power cut in the middle of a second order")
    # Done at the vendor, and then no answer: the worst moment to die.
    _set_faults(acts, {"sku_code": "chrome-enterprise-upgrade", "behaviour": "hang", "times": 1})
    lines = [{"sku": "chrome-enterprise-upgrade", "quantity": 2}, {"sku": DOCK, "quantity": 1}]
    draft = acts.reseller.write(
        "POST", "/v1/orders", {"customer_id": acts.ids["Breakwater Studio"], "lines": lines}, expect=201
    )
    path = f"/v1/orders/{draft['id']}"
    acts.reseller.write("POST", f"{path}/checkout", expect=202)
    references = {line["id"] for line in draft["lines"]}
    with acts.stage.waiting("until the vendor has done the first line and says nothing"):
        acts.operator.until(
            "/v1/sandbox/ledger", lambda book: any(_ours(e, references) for e in book["items"])
        )
    killed = acts.server.kill_everything()
    acts.stage.done(f"SIGKILL for {len(killed)} processes: the API, the worker and PostgreSQL")
    with acts.stage.waiting("starting everything again"):
        seconds = acts.server.start()
    acts.stage.done(f"Started again in {seconds:.1f} s on the same data directory")
    with acts.stage.waiting("the worker takes up the order where it was cut"):
        done = acts.reseller.until(path, lambda order: order["status"] == "completed")
    book = [e for e in acts.operator.get("/v1/sandbox/ledger")["items"] if _ours(e, references)]
    acts.stage.table(
        ("line", "status", "in the vendor's own ledger"),
        [
            (line["name"], coloured(line["status"]), f"{sum(_ours(e, {line['id']}) for e in book)} time")
            for line in done["lines"]
        ],
    )
    for line in done["lines"]:
        times = sum(_ours(entry, {line["id"]}) for entry in book)
        expect(times == 1, f"the vendor provisioned {line['name']} {times} times")
    acts.stage.done(
        "Completed: nothing lost, and each line provisioned exactly once by the vendor's own ledger"
    )


def _set_faults(acts: Play, *faults: Json) -> None:
    """Tell the sandbox vendor how to misbehave; what it was told before is forgotten."""
    acts.operator.write("PUT", "/v1/sandbox/faults", {"faults": list(faults)}, expect=200)


def _ours(entry: Json, references: set[str]) -> bool:
    return any(reference in entry["reference"] for reference in references)


def _organization(client: Client, parent_id: str, kind: str, name: str) -> str:
    made = client.write(
        "POST", "/v1/organizations", {"parent_id": parent_id, "kind": kind, "name": name}, expect=201
    )
    return str(made["id"])


def _command(acts: Play, *arguments: str) -> Json:
    """A command of the operator, run as one would run it, on the same data directory."""
    command = [sys.executable, "-m", "chandlery.app.commands", *arguments, "--data", str(acts.server.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise Unexpected(
            f"chandlery {arguments[0]} ended with status {done.returncode}: {done.stderr[-500:]}"
        )
    answer: Json = json.loads(done.stdout)
    return answer


def _priced(line: Json) -> tuple[str, str, str, str]:
    cost, price = line["cost"], line["price"]
    return (
        line["name"],
        str(line["quantity"]),
        amount(cost["amount_minor"], "USD"),
        amount(price["amount_minor"], "USD"),
    )


def _total(order: Json) -> str:
    return amount(order["totals"]["net_minor"], order["totals"]["currency"])


def _told(event: Json, lines: list[Json]) -> tuple[str, str, str, str]:
    data: dict[str, Any] = event["data"]
    names = {line["id"]: f"{line['position']} {line['name']}" for line in lines}
    return (
        event["timestamp"][11:19],
        event["type"].removeprefix("order."),
        names.get(data.get("line_id", ""), ""),
        escape(str(data.get("reason") or "")),
    )
