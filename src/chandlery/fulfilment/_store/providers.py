"""Providers that were set up, how they are, and whose turn it is at them."""

# ruff: noqa: S608 - statements are put together from constants of this file; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chandlery.engine.statements import Query, Row, Write, many, maybe, one, refusals
from chandlery.fulfilment.circuit import Circuit
from chandlery.fulfilment.errors import ProviderNameTaken, ProviderUnknown
from chandlery.fulfilment.setup import ProviderSetup, Sealed
from chandlery.fulfilment.turnstile import CALLED_AT_ONCE, Turn
from chandlery.kernel.ids import OrderId, ProviderId, ProvisioningId, TenantId
from chandlery.kernel.page import PageRequest

_COLUMNS = """id, name, kind, url, secret, previous_secret, previous_until, concurrency, calls_per_minute,
    timeout_seconds, idempotent, trips_after, created_at, version,
    failures, openings, open_until, probing_until, trouble, next_call_at"""
_NAMED = f"""SELECT {_COLUMNS} FROM fulfilment_providers
    WHERE tenant_id = scope_tenant() AND name = %s"""  # sql: constants alone
_LOCKED = _NAMED + " FOR NO KEY UPDATE"  # sql: constants alone
_PAGE = f"""SELECT {_COLUMNS} FROM fulfilment_providers
    WHERE tenant_id = scope_tenant() AND (created_at, id) > (%s::timestamptz, %s::uuid)
    ORDER BY created_at, id LIMIT %s"""  # sql: constants alone
_AT = "(SELECT id FROM fulfilment_providers WHERE tenant_id = scope_tenant() AND name = %s)"
_TURNS = f"""
    SELECT provisioning_id, order_id, came_at, starts_at, held_until FROM provider_turns
    WHERE provider_id = {_AT} AND held_until > unit_now()
    UNION
    SELECT provisioning_id, order_id, came_at, starts_at, held_until FROM provider_turns
    WHERE provider_id = {_AT} AND order_id = %s
    UNION
    (SELECT provisioning_id, order_id, came_at, starts_at, held_until FROM provider_turns
     WHERE provider_id = {_AT} AND held_until IS NULL AND (starts_at IS NULL OR starts_at <= unit_now())
     ORDER BY came_at, provisioning_id LIMIT %s)"""  # sql: constants alone
_WAITING = (
    f"SELECT count(*) FROM provider_turns WHERE provider_id = {_AT} AND held_until IS NULL"  # sql: the same
)
_STANDING = f"""
    SELECT count(*) FILTER (WHERE held_until > unit_now()), count(*) FILTER (WHERE held_until IS NULL)
    FROM provider_turns WHERE provider_id = {_AT}"""  # sql: the same
_IN_USE = """
    SELECT EXISTS (SELECT FROM vendors WHERE tenant_id = scope_tenant() AND provider = %s)
        OR EXISTS (SELECT FROM provisionings WHERE tenant_id = scope_tenant() AND provider = %s
                   AND state IN ('in_flight', 'retrying', 'accepted', 'unknown'))"""
_BEGINNING = ("-infinity", UUID(int=0))

Standing = tuple[ProviderSetup, Circuit, datetime | None]
"""A provider, how it is, and when the rate allows the next call."""


def named(name: str) -> Query[Standing]:
    return one(_NAMED, (name,), _read, ProviderUnknown)


def locked(name: str) -> Query[Standing]:
    return one(_LOCKED, (name,), _read, ProviderUnknown)


def is_set_up(name: str) -> Query[bool]:
    sql = "SELECT EXISTS (SELECT FROM fulfilment_providers WHERE tenant_id = scope_tenant() AND name = %s)"
    return one(sql, (name,), lambda row: bool(row[0]), ProviderUnknown)


def locked_if_set_up(name: str) -> Query[Standing | None]:
    return maybe(_LOCKED, (name,), _read)


def page(request: PageRequest) -> Query[list[Standing]]:
    return many(_PAGE, (*(request.after or _BEGINNING), request.limit + 1), _read)


def turns(name: str, order_id: OrderId) -> Query[list[Turn]]:
    """Those that call, those of this order, and the first that wait: to be read behind the lock."""
    return many(_TURNS, (name, name, order_id, name, CALLED_AT_ONCE), _read_turn)


def first_waiting(provider_id: ProviderId) -> Query[list[OrderId]]:
    return many(
        """SELECT order_id FROM provider_turns WHERE provider_id = %s AND held_until IS NULL
           GROUP BY order_id ORDER BY min(came_at), order_id LIMIT %s""",
        (provider_id, CALLED_AT_ONCE),
        lambda row: OrderId(row[0]),
    )


def waiting(name: str) -> Query[int]:
    return one(_WAITING, (name,), lambda row: int(row[0]), ProviderUnknown)


def load(name: str) -> Query[tuple[int, int]]:
    """How many call it right now, as far as that is counted, and how many wait."""
    return one(_STANDING, (name,), lambda row: (int(row[0]), int(row[1])), ProviderUnknown)


def is_in_use(name: str) -> Query[bool]:
    return one(_IN_USE, (name, name), lambda row: bool(row[0]), ProviderUnknown)


def secrets(provider_id: UUID) -> Query[tuple[TenantId, str, Sealed] | None]:
    """For `engine.look_up`: whose provider this is, its name, and what proves its callbacks."""
    return maybe(
        "SELECT tenant_id, name, secret, previous_secret, previous_until FROM provider_secrets(%s)",
        (provider_id,),
        lambda row: (TenantId(row[0]), row[1], Sealed(row[2], row[3], row[4])),
    )


def insert(new: ProviderSetup) -> Write:
    return Write(
        """INSERT INTO fulfilment_providers (id, tenant_id, name, kind, url, secret, concurrency, calls_per_minute,
               timeout_seconds, idempotent, trips_after, created_at)
           VALUES (%s, scope_tenant(), %s, %s, %s::text, %s::bytea, %s, %s, %s, %s, %s, %s)""",
        (
            new.id, new.name, new.kind, new.url, new.secret and new.secret.current, new.concurrency,
            new.calls_per_minute, new.timeout_seconds, new.idempotent, new.trips_after, new.created_at,
        ),
        refusals(fulfilment_providers_name_key=ProviderNameTaken),
    )  # fmt: skip


def update(changed: ProviderSetup) -> Write:
    secret = changed.secret
    return Write(
        """UPDATE fulfilment_providers SET url = %s::text, secret = %s::bytea, previous_secret = %s::bytea,
               previous_until = %s::timestamptz, concurrency = %s, calls_per_minute = %s, timeout_seconds = %s,
               idempotent = %s, trips_after = %s, version = %s WHERE id = %s""",
        (
            changed.url, secret and secret.current, secret and secret.previous, secret and secret.previous_until,
            changed.concurrency, changed.calls_per_minute, changed.timeout_seconds, changed.idempotent,
            changed.trips_after, changed.version, changed.id,
        ),
    )  # fmt: skip


def save_condition(provider_id: ProviderId, circuit: Circuit, next_call_at: datetime | None) -> Write:
    """How it is, which is no change of its setup: the version stays."""
    return Write(
        """UPDATE fulfilment_providers SET failures = %s, openings = %s, open_until = %s::timestamptz,
               probing_until = %s::timestamptz, trouble = %s, next_call_at = %s::timestamptz WHERE id = %s""",
        (
            circuit.failures, circuit.openings, circuit.open_until, circuit.probing_until, circuit.trouble,
            next_call_at, provider_id,
        ),
    )  # fmt: skip


def delete(provider_id: ProviderId) -> Write:
    return Write("DELETE FROM fulfilment_providers WHERE id = %s", (provider_id,))


def save_turn(provider_id: ProviderId, turn: Turn) -> Write:
    return Write(
        """INSERT INTO provider_turns
               (provisioning_id, tenant_id, provider_id, order_id, came_at, starts_at, held_until)
           VALUES (%s, scope_tenant(), %s, %s, %s, %s::timestamptz, %s::timestamptz)
           ON CONFLICT (provisioning_id) DO UPDATE SET provider_id = excluded.provider_id,
               came_at = excluded.came_at, starts_at = excluded.starts_at, held_until = excluded.held_until""",
        (turn.provisioning_id, provider_id, turn.order_id, turn.came_at, turn.starts_at, turn.held_until),
    )


def drop_turns(gone: Sequence[ProvisioningId]) -> Write:
    return Write("DELETE FROM provider_turns WHERE provisioning_id = ANY (%s::uuid[])", (list(gone),))


def _read(row: Row) -> Standing:
    secret = None if row[4] is None else Sealed(row[4], row[5], row[6])
    setup = ProviderSetup(ProviderId(row[0]), row[1], row[2], row[3], secret, *row[7:14])
    return setup, Circuit(*row[14:19]), row[19]


def _read_turn(row: Row) -> Turn:
    return Turn(ProvisioningId(row[0]), OrderId(row[1]), *row[2:])
