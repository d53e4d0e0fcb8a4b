"""One's own account: password, second factor, personal tokens; and a way back in for who forgot the password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import permissions, second_factor
from chandlery.identity import personal_tokens as own_tokens
from chandlery.identity.credentials import ChangePassword, change_password
from chandlery.identity.errors import PersonalTokenUnknown
from chandlery.identity.personal_tokens import DEFAULT_DAYS, PersonalToken
from chandlery.identity.resets import reset_password
from chandlery.kernel.ids import PersonalTokenId
from chandlery.processes.invite import ask_for_reset
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.wiring import wired

RESET_PAGE = "/oauth/password-reset"
Password = Annotated[str, Meta(examples=["correct horse battery"])]


class PasswordChange(Body):
    """Everything else that you are signed in to ends."""

    current: Password
    new: Annotated[str, Meta(description="At least 10 characters.", examples=["a better horse battery"])]


class ResetRequest(Body):
    email: Annotated[str, Meta(examples=["clerk@example.com"])]


class ResetCompletion(Body):
    token: Annotated[str, Meta(description="From the letter.", examples=["chp_..."])]
    password: Annotated[str, Meta(description="At least 10 characters.", examples=["correct horse battery"])]


class PasswordShown(Body):
    """Your password once more: a token alone must not be enough for this."""

    password: Password


class CodeShown(Body):
    code: Annotated[str, Meta(description="What the app shows now.", examples=["123456"])]


class SecondFactorBody(msgspec.Struct, kw_only=True):
    enabled: bool
    recovery_codes_left: int


class EnrolmentBody(msgspec.Struct, kw_only=True):
    """For an authenticator app; it counts once a code was shown. Shown here and nowhere else."""

    secret: str
    uri: str


class RecoveryCodesBody(msgspec.Struct, kw_only=True):
    """For the day the app is lost, each good once. Shown here and nowhere else."""

    recovery_codes: list[str]


class PersonalTokenBody(msgspec.Struct, kw_only=True):
    id: UUID
    organization_id: UUID
    surface: str
    name: str
    created_at: datetime
    expires_at: datetime


class PersonalTokenShown(PersonalTokenBody, kw_only=True):
    """`token` is shown here and nowhere else."""

    token: str


class NewPersonalToken(Body):
    """For one API, for the organisation that you act for, and with what you may do there now at most."""

    surface: Annotated[str, Meta(description="The API it is for.", examples=["native"])]
    name: Annotated[str, Meta(examples=["Nightly report"])]
    expires_in_days: int = DEFAULT_DAYS


async def change_own_password(call: Call, body: PasswordChange) -> Reply:
    call.actor.require(permissions.ACCOUNT_WRITE)
    await change_password(wired(call).gate, call.actor, ChangePassword(body.current, body.new))
    return Reply()


async def request_password_reset(call: Call, body: ResetRequest) -> Reply:
    await ask_for_reset(wired(call).gate, body.email, call.url(RESET_PAGE))
    return Reply()


async def complete_password_reset(call: Call, body: ResetCompletion) -> Reply:
    await reset_password(wired(call).gate, body.token, body.password)
    return Reply()


async def get_second_factor(call: Call) -> Reply:
    found = await call.read(second_factor.standing, None)
    if found is None or not found.is_confirmed:
        return Reply(SecondFactorBody(enabled=False, recovery_codes_left=0))
    return Reply(SecondFactorBody(enabled=True, recovery_codes_left=found.codes_left))


async def enrol_second_factor(call: Call, body: PasswordShown) -> Reply:
    enrolment = await second_factor.enrol(wired(call).gate, call.actor, body.password)
    return Reply(EnrolmentBody(secret=enrolment.secret, uri=enrolment.uri))


async def confirm_second_factor(call: Call, body: CodeShown) -> Reply:
    codes = await second_factor.confirm(wired(call).gate, call.actor, body.code)
    return Reply(RecoveryCodesBody(recovery_codes=codes))


async def remove_second_factor(call: Call, body: PasswordShown) -> Reply:
    await second_factor.remove(wired(call).gate, call.actor, body.password)
    return Reply()


async def list_personal_tokens(call: Call) -> Reply:
    query: PageQuery = call.query
    return page_reply(await call.read(own_tokens.find_personal_tokens, query.page()), _body)


async def add_personal_token(call: Call, body: NewPersonalToken) -> Reply:
    gate = wired(call).gate
    mint = own_tokens.form_for(wired(call).token_forms, body.surface)
    matter = own_tokens.new_matter(gate, call.actor, body.expires_in_days)
    minted = mint(gate, matter)
    command = own_tokens.AddPersonalToken(
        matter, body.surface, body.name, minted.mac, gate.engine.clock.now()
    )

    def shown(token: PersonalToken) -> Reply:
        return Reply(PersonalTokenShown(**msgspec.structs.asdict(_body(token)), token=minted.plain))

    return await call.perform(own_tokens.add_personal_token, command, reply=shown)


async def revoke_personal_token(call: Call) -> Reply:
    token_id = PersonalTokenId(call.id("token_id", missing=PersonalTokenUnknown))
    return await call.perform(own_tokens.revoke_personal_token, token_id, reply=lambda _: Reply())


def _body(token: PersonalToken) -> PersonalTokenBody:
    return PersonalTokenBody(
        id=token.id,
        organization_id=token.organization_id,
        surface=token.surface,
        name=token.name,
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
