"""The order flow as a client sends it: create a draft, add two lines, check out under a key, read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from benchmarks.accounting import Stopwatch
from benchmarks.load import Answer, Sender, senders, share_out, until

_READS = 4
STEPS = ("create", "add_line_1", "add_line_2", "checkout", "read")


@dataclass(frozen=True, slots=True)
class Target:
    """Where flows are sent: a port, tokens (a connection for each group), customers, two SKUs.

    The handler to compare with cannot know which line is the second: it is told by the path `second`.
    """

    port: int
    tokens: Sequence[Sequence[str]]
    customers: Sequence[str]
    skus: tuple[str, str]
    second: str = "lines"


@dataclass(slots=True)
class Flows:
    """What came of some flows: seconds in all, seconds of every request by step, CPU seconds by process and step."""

    count: int = 0
    seconds: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    cpu: dict[str, float] = field(default_factory=dict)
    cpu_by_step: dict[str, dict[str, float]] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)

    def cpu_ms(self, *names: str) -> float:
        """CPU milliseconds per flow of these processes."""
        return 1000 * sum(self.cpu[name] for name in names) / self.count

    def step_ms(self, step: str, name: str) -> float:
        return 1000 * self.cpu_by_step[step][name] / self.count


async def _step(target: Target, sender: Sender, step: str, number: int, order: str) -> Answer:
    path = f"/v1/orders/{order}"
    if step == "create":
        customer = target.customers[number % len(target.customers)]
        body = {"customer_id": customer, "po_number": f"PO-{number}"}
        return await sender.send("POST", "/v1/orders", body, expect=201)
    if step == "checkout":
        return await sender.send("POST", f"{path}/checkout", expect=202, key=str(uuid4()))
    if step == "read":
        return await sender.send("GET", path, expect=200)
    first = step == "add_line_1"
    line = {"sku": target.skus[0 if first else 1], "quantity": 3 + number % 5}
    return await sender.send("POST", f"{path}/{'lines' if first else target.second}", line, expect=201)


async def run_flows(target: Target, seconds: float, watch: Callable[[], Stopwatch]) -> Flows:
    """Whole flows, one after the other on every connection, for so many seconds."""
    flows = Flows()

    async def one(sender: Sender, number: int) -> None:
        order = ""
        for step in STEPS:
            answer = await _step(target, sender, step, number, order)
            flows.latencies[step].append(answer.seconds)
            order = order or answer.json()["id"]
        flows.orders.append(order)

    async with senders(target.port, target.tokens) as connections:
        stopwatch = watch()
        flows.seconds = await share_out(connections, until(seconds), one)
        flows.cpu = stopwatch.lap()
    flows.count = len(flows.orders)
    return flows


async def run_steps(target: Target, count: int, watch: Callable[[], Stopwatch]) -> Flows:
    """So many flows at once, step by step, so that the CPU of each step can be told apart.

    Reading is cheap for a clock of a hundredth of a second: it is done several times.
    """
    flows = Flows(count=count, orders=[""] * count)
    async with senders(target.port, target.tokens) as connections:
        for step in STEPS:

            async def one(sender: Sender, number: int, step: str = step) -> None:
                answer = await _step(target, sender, step, number, flows.orders[number])
                flows.latencies[step].append(answer.seconds)
                if step == "create":
                    flows.orders[number] = answer.json()["id"]

            times = _READS if step == "read" else 1
            stopwatch = watch()
            for _ in range(times):
                await share_out(connections, iter(range(count)), one)
            flows.cpu_by_step[step] = {name: used / times for name, used in stopwatch.lap().items()}
    for used in flows.cpu_by_step.values():
        for name, cpu in used.items():
            flows.cpu[name] = flows.cpu.get(name, 0.0) + cpu
    return flows
