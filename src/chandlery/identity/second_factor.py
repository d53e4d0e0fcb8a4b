"""A second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for the day the app is lost.

The secret is sealed under the master key, recovery codes are MACs. Each code is accepted once; wrong ones lock, counted
apart from passwords, so that knowing the password does not buy further guesses. Setting one up and removing it take the
password: a stolen token must not be enough to lock somebody out, or to let somebody in.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import second_factors as store
from chandlery.identity._store.second_factors import FactorStanding
from chandlery.identity._store.sessions import count_failure
from chandlery.identity.errors import (
    PeopleOnly,
    SecondFactorMissing,
    SecondFactorNeeded,
    SecondFactorThere,
    SecondFactorWrong,
)
from chandlery.identity.gate import Gate
from chandlery.identity.sessions import confirm_password, locked_for
from chandlery.identity.users import get_user
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import UserId

PURPOSE: Final = "second-factor"
RECOVERY: Final = "recovery-code"
STEP_SECONDS: Final = 30
DRIFT_STEPS: Final = 1
"""Clocks differ: the code before and the one after are good, too."""
RECOVERY_CODES: Final = 10


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs, shown once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmation:
    sealed: bytes = field(repr=False)
    step: int
    macs: tuple[bytes, ...] = field(repr=False)


async def enrol(gate: Gate, actor: Actor, password: str) -> Enrolment:
    """A new secret; it counts once a code of it was shown."""
    user_id = person(actor)
    await confirm_password(gate, user_id, password)
    user = await gate.engine.read(actor, get_user, user_id)
    key = os.urandom(20)
    await gate.engine.perform(actor, put_second_factor, gate.master.seal(PURPOSE, key))
    host = gate.tokens.issuer.partition("://")[2]
    uri = _totp(key).get_provisioning_uri(user.email, f"Chandlery {host}")
    return Enrolment(base64.b32encode(key).decode(), uri)


async def confirm(gate: Gate, actor: Actor, code: str) -> list[str]:
    """The recovery codes, shown once."""
    user_id = person(actor)
    found = await gate.engine.look_up(store.find(user_id))
    if found is None:
        raise SecondFactorMissing
    step = await _guarded(gate, user_id, found, code)
    plain = [_recovery_code() for _ in range(RECOVERY_CODES)]
    macs = tuple(_recovery_mac(gate, user_id, one) for one in plain)
    await gate.engine.perform(actor, confirm_second_factor, Confirmation(found.sealed, step, macs))
    return plain


async def remove(gate: Gate, actor: Actor, password: str) -> None:
    await confirm_password(gate, person(actor), password)
    await gate.engine.perform(actor, remove_second_factor, None)


async def check_code(gate: Gate, user_id: UserId, code: str) -> None:
    """The second step of signing in: a code of the app, or one of the recovery codes."""
    async with gate.queue(f"second {user_id}"):
        found = await gate.engine.look_up(store.find(user_id))
        if found is None or not found.is_confirmed:
            raise SecondFactorWrong
        if re.fullmatch(r"\d{6}", code):
            step, mac = await _guarded(gate, user_id, found, code), None
        else:
            await _refuse_locked(gate, found)
            step, mac = None, _recovery_mac(gate, user_id, code)
        if not await gate.engine.look_up(store.use(user_id, step, mac)):
            await _count(gate, user_id)


async def confirm_person(gate: Gate, user_id: UserId, password: str, code: str | None) -> UserId:
    """Both steps at once, for somebody whose account is known."""
    known = await confirm_password(gate, user_id, password)
    if known.second_factor:
        if code is None:
            raise SecondFactorNeeded
        await check_code(gate, user_id, code)
    return user_id


async def standing(reader: Reader, actor: Actor, _command: None) -> FactorStanding | None:
    actor.require(permissions.ACCOUNT_WRITE)
    return await reader.fetch(store.find(person(actor)))


async def put_second_factor(unit: Unit, actor: Actor, sealed: bytes) -> None:
    actor.require(permissions.ACCOUNT_WRITE)
    if not await unit.fetch(store.put(person(actor), sealed)):
        raise SecondFactorThere


async def confirm_second_factor(unit: Unit, actor: Actor, command: Confirmation) -> None:
    actor.require(permissions.ACCOUNT_WRITE)
    user_id = person(actor)
    if not await unit.fetch(store.confirm(user_id, command.sealed, command.step, command.macs)):
        raise SecondFactorThere
    unit.emit(Event("user.second_factor_added", user_id, actor.organization_id))


async def remove_second_factor(unit: Unit, actor: Actor, _command: None) -> None:
    actor.require(permissions.ACCOUNT_WRITE)
    user_id = person(actor)
    if not await unit.fetch(store.remove(user_id)):
        raise SecondFactorMissing
    unit.emit(Event("user.second_factor_removed", user_id, actor.organization_id))


def person(actor: Actor) -> UserId:
    if actor.user_id is None:
        raise PeopleOnly
    return actor.user_id


async def _guarded(gate: Gate, user_id: UserId, found: FactorStanding, code: str) -> int:
    """The time step of a right code that was not used before; a wrong one is counted."""
    await _refuse_locked(gate, found)
    now = int(gate.engine.clock.now().timestamp()) // STEP_SECONDS
    totp = _totp(gate.master.open(PURPOSE, found.sealed))
    given = code.encode("utf-8", "replace")
    near = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
    right = [step for step in near if hmac.compare_digest(totp.generate(step * STEP_SECONDS), given)]
    if not right or right[-1] <= found.last_step:
        await _count(gate, user_id)
    return right[-1]


async def _refuse_locked(gate: Gate, found: FactorStanding) -> None:
    now = gate.engine.clock.now()
    if found.locked_until is not None and found.locked_until > now:
        raise locked_for((found.locked_until - now).total_seconds())


async def _count(gate: Gate, user_id: UserId) -> None:
    now = gate.engine.clock.now()
    locked_until = await gate.engine.look_up(count_failure(f"second {user_id}", now))
    raise SecondFactorWrong if locked_until is None else locked_for((locked_until - now).total_seconds())


def _totp(key: bytes) -> TOTP:
    return TOTP(key, 6, SHA1(), STEP_SECONDS)  # noqa: S303 - what every app computes; HMAC does not need more


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def _recovery_mac(gate: Gate, user_id: UserId, code: str) -> bytes:
    plain = re.sub(r"[\s-]", "", code[:100]).lower()
    return gate.master.mac(RECOVERY, f"{user_id} {plain}")
