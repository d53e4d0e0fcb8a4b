"""Codes of an authenticator app: set up and removed by password, good once, guesses locked apart from passwords."""

from __future__ import annotations

from base64 import b32decode
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from chandlery.identity import permissions
from chandlery.identity.errors import (
    CredentialsWrong,
    PeopleOnly,
    SecondFactorMissing,
    SecondFactorNeeded,
    SecondFactorThere,
    SecondFactorWrong,
    SignInLocked,
)
from chandlery.identity.gate import Gate
from chandlery.identity.second_factor import check_code, confirm, confirm_person, enrol, remove, standing
from chandlery.identity.sessions import SignIn, check_password, sign_in_user
from chandlery.identity.user import User
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import PermissionMissing
from tests.builders import Tenant, allowed
from tests.conftest import NOW
from tests.identity.builders import PASSWORD, a_gate, a_user, at, everything, let_in, signed_in
from tests.identity.builders import a_client as a_machine


def code_of(secret: str, steps: int = 0) -> str:
    totp = TOTP(b32decode(secret), 6, SHA1(), 30)  # noqa: S303
    return totp.generate(int(NOW.timestamp()) + 30 * steps).decode()


async def a_person(gate: Gate, tenant: Tenant) -> tuple[User, Actor]:
    user = await a_user(gate, tenant.reseller)
    return user, everything(await signed_in(gate, user))


async def with_app(gate: Gate, tenant: Tenant) -> tuple[User, Actor, str, list[str]]:
    user, actor = await a_person(gate, tenant)
    enrolment = await enrol(gate, actor, PASSWORD)
    return user, actor, enrolment.secret, await confirm(gate, actor, code_of(enrolment.secret, -1))


async def test_an_app_is_told_what_it_needs_and_counts_once_a_code_was_shown(
    gate: Gate, tenant: Tenant
) -> None:
    user, actor = await a_person(gate, tenant)
    assert await gate.engine.read(actor, standing, None) is None
    enrolment = await enrol(gate, actor, PASSWORD)
    assert len(b32decode(enrolment.secret)) == 20
    assert enrolment.uri.startswith("otpauth://totp/Chandlery%20shop.example.com:")
    assert f"secret={enrolment.secret}" in enrolment.uri
    assert not (await check_password(gate, SignIn(user.email, PASSWORD))).second_factor
    with pytest.raises(SecondFactorWrong):
        await confirm(gate, actor, "000000")
    codes = await confirm(gate, actor, code_of(enrolment.secret))
    assert len(set(codes)) == 10
    assert (await check_password(gate, SignIn(user.email, PASSWORD))).second_factor
    found = await gate.engine.read(actor, standing, None)
    assert found is not None
    assert (found.is_confirmed, found.codes_left) == (True, 10)
    with pytest.raises(SecondFactorThere):
        await enrol(gate, actor, PASSWORD)


async def test_neither_secret_nor_codes_lie_about_in_clear(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    user, _, secret, codes = await with_app(gate, tenant)
    row = owner.execute("SELECT sealed FROM second_factors WHERE user_id = %s", (user.id,)).fetchone()
    assert row is not None
    assert b32decode(secret) not in bytes(row[0])
    told = owner.execute(
        "SELECT type, data::text FROM events WHERE tenant_id = %s AND subject_id = %s AND type ~ 'factor'",
        (tenant.id, user.id),
    ).fetchall()
    assert told == [("user.second_factor_added", "{}")]
    stored = owner.execute("SELECT mac FROM recovery_codes WHERE user_id = %s", (user.id,)).fetchall()
    assert {bytes(mac) for (mac,) in stored}.isdisjoint(code.encode() for code in codes)


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (0, True), (1, True), (2, False)])
async def test_a_code_is_good_for_about_a_minute(gate: Gate, tenant: Tenant, steps: int, good: bool) -> None:
    user, _, secret, _ = await with_app(gate, tenant)
    if good:
        await check_code(gate, user.id, code_of(secret, steps))
    else:
        with pytest.raises(SecondFactorWrong):
            await check_code(gate, user.id, code_of(secret, steps))


async def test_a_code_is_accepted_once_and_none_before_it_afterwards(gate: Gate, tenant: Tenant) -> None:
    user, _, secret, _ = await with_app(gate, tenant)
    await check_code(gate, user.id, code_of(secret, 1))
    for steps in (1, 0):
        with pytest.raises(SecondFactorWrong):
            await check_code(gate, user.id, code_of(secret, steps))


async def test_a_recovery_code_is_good_once_however_it_is_typed(gate: Gate, tenant: Tenant) -> None:
    user, _, _, codes = await with_app(gate, tenant)
    await check_code(gate, user.id, codes[0].upper().replace("-", " "))
    with pytest.raises(SecondFactorWrong):
        await check_code(gate, user.id, codes[0])
    other, _, _, _ = await with_app(gate, tenant)
    with pytest.raises(SecondFactorWrong):
        await check_code(gate, other.id, codes[1])


async def test_guesses_are_locked_and_a_right_password_does_not_buy_more(gate: Gate, tenant: Tenant) -> None:
    user, _, secret, codes = await with_app(gate, tenant)
    for guess in ("000000", "no such code", "000001", ""):
        await check_password(gate, SignIn(user.email, PASSWORD))
        with pytest.raises(SecondFactorWrong):
            await check_code(gate, user.id, guess)
    for code in ("000003", code_of(secret), codes[0]):
        with pytest.raises(SignInLocked):
            await check_code(gate, user.id, code)
    later = a_gate(at(gate.engine, NOW + timedelta(seconds=31)))
    await check_code(later, user.id, code_of(secret, 1))


async def test_a_password_alone_lets_nobody_in_who_has_a_second_factor(gate: Gate, tenant: Tenant) -> None:
    user, _, secret, _ = await with_app(gate, tenant)
    with pytest.raises(SecondFactorNeeded):
        await sign_in_user(gate, SignIn(user.email, PASSWORD))
    with pytest.raises(CredentialsWrong):
        await sign_in_user(gate, SignIn(user.email, "wrong horse battery"))
    with pytest.raises(SecondFactorNeeded):
        await confirm_person(gate, user.id, PASSWORD, None)
    assert await confirm_person(gate, user.id, PASSWORD, code_of(secret)) == user.id


async def test_it_is_removed_by_password_and_can_be_set_up_anew(gate: Gate, tenant: Tenant) -> None:
    user, actor, _, codes = await with_app(gate, tenant)
    with pytest.raises(CredentialsWrong):
        await remove(gate, actor, "wrong horse battery")
    await remove(gate, actor, PASSWORD)
    await sign_in_user(gate, SignIn(user.email, PASSWORD))
    with pytest.raises(SecondFactorMissing):
        await remove(gate, actor, PASSWORD)
    enrolment = await enrol(gate, actor, PASSWORD)
    await confirm(gate, actor, code_of(enrolment.secret))
    with pytest.raises(SecondFactorWrong):
        await check_code(gate, user.id, codes[1])


async def test_it_is_for_people_and_takes_the_permission(gate: Gate, tenant: Tenant) -> None:
    machine = everything(await let_in(gate, await a_machine(gate, tenant.reseller)))
    with pytest.raises(PeopleOnly):
        await enrol(gate, machine, PASSWORD)
    _, actor = await a_person(gate, tenant)
    with pytest.raises(PermissionMissing):
        await enrol(gate, allowed(actor, permissions.USERS_READ), PASSWORD)
