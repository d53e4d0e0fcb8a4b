"""Pages to which letters lead: accepting an invitation, choosing a new password."""

from __future__ import annotations

import msgspec

from chandlery.identity import invitations, resets
from chandlery.identity.errors import PasswordUnfit, UserUnfit
from chandlery.identity.invitation import OpenInvitation
from chandlery.kernel.errors import Fault
from chandlery.kernel.ids import UserId
from chandlery.processes.invite import ask_for_reset
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.oauth.cookies import check_form, form_token, with_query
from chandlery.surfaces.oauth.rendering import note, page, said
from chandlery.surfaces.oauth.sign_in import SIGN_IN, Form, at_browser
from chandlery.surfaces.oauth.wiring import wired

INVITATION = "/oauth/invitation"
RESET = "/oauth/password-reset"


class TokenQuery(msgspec.Struct, kw_only=True):
    token: str = ""


class InvitationForm(Form):
    token: str
    name: str = ""
    password: str = ""


class ResetForm(Form):
    """With an address a letter is asked for; with a letter's token, a new password set."""

    email: str = ""
    token: str = ""
    password: str = ""


async def show_invitation(call: Call) -> Reply:
    query: TokenQuery = call.query
    found = await invitations.look_at(wired(call).gate, query.token)
    return await _invitation_page(call, found, query.token)


async def accept_invitation(call: Call, form: InvitationForm) -> Reply:
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    found = await invitations.look_at(gate, form.token)
    by: invitations.Newcomer | UserId
    if found.user_id is None:
        try:
            hashed = await gate.passwords.hash(form.password, found.email.partition("@")[0])
            by = invitations.Newcomer(form.name, hashed)
            await invitations.accept(gate, form.token, found, by)
        except (PasswordUnfit, UserUnfit) as fault:
            return await _invitation_page(call, found, form.token, form.name[:200], fault)
    else:
        browser = await at_browser(call)
        if browser is None or browser.is_pending or browser.user_id != found.user_id:
            return await _invitation_page(call, found, form.token)
        await invitations.accept(gate, form.token, found, found.user_id)
    text = f"You are a member of {found.organization} now."
    return note("Welcome", text, link=SIGN_IN, link_text="Continue")


async def show_reset(call: Call) -> Reply:
    query: TokenQuery = call.query
    username = await resets.may_reset(wired(call).gate, query.token) if query.token else ""
    return _reset_page(call, query.token, username)


async def reset(call: Call, form: ResetForm) -> Reply:
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    if not form.token:
        await ask_for_reset(gate, form.email, call.url(RESET))
        return note(
            "Look at your mail", "If there is an account with this address, a link is on its way to it."
        )
    username = await resets.may_reset(gate, form.token)
    try:
        await resets.reset_password(gate, form.token, form.password)
    except PasswordUnfit as fault:
        return _reset_page(call, form.token, username, fault)
    return note("Your password is changed", "Sign in with the new one.", link=SIGN_IN, link_text="Sign in")


async def _invitation_page(
    call: Call, found: OpenInvitation, token: str, name: str = "", fault: Fault | None = None
) -> Reply:
    csrf, cookies = form_token(wired(call).gate, call.head)
    sign_in = ""
    if found.user_id is not None:
        browser = await at_browser(call)
        if browser is None or browser.is_pending or browser.user_id != found.user_id:
            sign_in = with_query(SIGN_IN, next=with_query(INVITATION, token=token))
    return page(
        "invitation",
        status=200 if fault is None else 422,
        headers=cookies,
        problems=() if fault is None else said(fault),
        csrf=csrf,
        token=token,
        invitation=found,
        name=name or found.name,
        sign_in=sign_in,
    )


def _reset_page(call: Call, token: str, username: str, fault: Fault | None = None) -> Reply:
    csrf, cookies = form_token(wired(call).gate, call.head)
    return page(
        "reset",
        status=200 if fault is None else 422,
        headers=cookies,
        problems=() if fault is None else said(fault),
        csrf=csrf,
        token=token,
        username=username,
    )
