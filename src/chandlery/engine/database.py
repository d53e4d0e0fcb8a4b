"""Connections: one pool, as a role that row-level security binds.

Every connection of the app runs as the role `chandlery_app`, whatever user the URL names: it owns nothing and cannot
bypass row-level security. Migrations and maintenance connect as the URL's own user instead.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from chandlery.engine.statements import Row

set_json_dumps(msgspec.json.encode)
set_json_loads(msgspec.json.decode)
logging.getLogger("psycopg.pool").setLevel(
    logging.ERROR
)  # it logs each failed reconnect; readiness tells it once

APP_ROLE = "chandlery_app"
JOBS_ROLE = "chandlery_jobs"

LOCK_TIMEOUT_SECONDS = 10
STATEMENT_TIMEOUT_SECONDS = 30
POOL_WAIT_SECONDS = 3.0

Pool = AsyncConnectionPool[AsyncConnection[Row]]


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many connections one process keeps and may open."""

    least: int = 1
    most: int = 10


def conninfo_as(url: str, role: str) -> str:
    """The same server and user, with sessions that run as `role` and cannot wait for ever."""
    options = " ".join(
        f"-c {setting}"
        for setting in (
            f"role={role}",
            f"lock_timeout={LOCK_TIMEOUT_SECONDS}s",
            f"statement_timeout={STATEMENT_TIMEOUT_SECONDS}s",
            "idle_in_transaction_session_timeout=60s",
            "timezone=UTC",
            "jit=off",
        )
    )
    given = conninfo_to_dict(url).get("options")
    return make_conninfo(
        url,
        options=f"{given} {options}" if given else options,
        connect_timeout=5,
        application_name=role,
        keepalives_idle=30,
    )


def open_pool(url: str, size: PoolSize = PoolSize()) -> Pool:
    """A pool of connections as the app's role; the caller opens and closes it (`async with`)."""
    return AsyncConnectionPool(
        conninfo_as(url, APP_ROLE),
        connection_class=AsyncConnection[Row],
        kwargs={"autocommit": True, "prepare_threshold": 0},
        min_size=size.least,
        max_size=size.most,
        timeout=POOL_WAIT_SECONDS,
        reconnect_timeout=60,
        open=False,
    )
