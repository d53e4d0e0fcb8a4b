"""Whether the server lives, and whether it can work: for those who start and restart it, without a token."""

from __future__ import annotations

import asyncio

import msgspec

from chandlery.kernel.errors import Fault
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply, Route

CHECK_SECONDS = 3


class HealthBody(msgspec.Struct, kw_only=True):
    """`ready` or not, and each check by name: `ok`, or what is wrong."""

    status: str
    checks: dict[str, str]


async def live(_call: Call) -> Reply:
    return Reply(HealthBody(status="live", checks={}))


async def ready(call: Call) -> Reply:
    """All checks at once, none of them for longer than three seconds."""
    checks = call.house.checks
    found = await asyncio.gather(*(_outcome(name, call) for name in checks))
    outcomes = dict(zip(checks, found, strict=True))
    if all(outcome == "ok" for outcome in found):
        return Reply(HealthBody(status="ready", checks=outcomes))
    return Reply(HealthBody(status="not ready", checks=outcomes), 503, headers=(("retry-after", "1"),))


async def _outcome(name: str, call: Call) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await call.house.checks[name]()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS} seconds"
    except Fault as fault:
        return fault.detail
    return "ok"


ROUTES = (
    Route(
        method="GET",
        path="/health/live",
        handler=live,
        summary="Whether the process answers",
        reply=HealthBody,
        tags=("health",),
        public=True,
    ),
    Route(
        method="GET",
        path="/health/ready",
        handler=ready,
        summary="Whether the server can do its work",
        reply=HealthBody,
        tags=("health",),
        public=True,
    ),
)
