"""Signing in with a browser: password, second factor, out again."""

from __future__ import annotations

import msgspec

from chandlery.identity.errors import (
    CredentialsWrong,
    SecondFactorWrong,
    SignInLocked,
)
from chandlery.identity.second_factor import check_code
from chandlery.identity.sessions import SignIn, check_password
from chandlery.kernel.errors import Fault
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.errors import status_of
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.oauth.browsers import (
    Browser,
    SignedIn,
    end_browser_session,
    find_browser,
    open_browser_session,
)
from chandlery.surfaces.oauth.cookies import (
    SESSION,
    check_form,
    cookie,
    drop_cookie,
    form_token,
    local,
    set_cookie,
    with_query,
)
from chandlery.surfaces.oauth.rendering import go_to, page, said
from chandlery.surfaces.oauth.wiring import wired

SIGN_IN = "/oauth/sign-in"
CODE = "/oauth/sign-in/code"
ACCOUNT = "/oauth/account"


class NextQuery(msgspec.Struct, kw_only=True):
    next: str = ""


class Form(msgspec.Struct, kw_only=True):
    """Every form of ours shows that it is one."""

    csrf: str = ""
    next: str = ""


class SignInForm(Form):
    login: str
    password: str


class CodeForm(Form):
    code: str


async def show_sign_in(call: Call) -> Reply:
    query: NextQuery = call.query
    browser = await at_browser(call)
    if browser is not None and not browser.is_pending:
        return go_to(local(query.next, ACCOUNT))
    return sign_in_page(call, query.next)


async def sign_in(call: Call, form: SignInForm) -> Reply:
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    try:
        known = await check_password(gate, SignIn(form.login, form.password))
    except (CredentialsWrong, SignInLocked) as fault:
        return sign_in_page(call, form.next, form.login[:300], fault)
    await _leave(call)
    pending = known.second_factor
    value = await open_browser_session(gate, SignedIn(known.id, known.proof, is_pending=pending))
    place = with_query(CODE, next=local(form.next)) if pending else local(form.next)
    return go_to(place, set_cookie(gate, SESSION, value))


async def show_code(call: Call) -> Reply:
    query: NextQuery = call.query
    browser = await at_browser(call)
    if browser is None or not browser.is_pending:
        return go_to(with_query(SIGN_IN, next=local(query.next)))
    return _code_page(call, query.next)


async def enter_code(call: Call, form: CodeForm) -> Reply:
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    browser, pending = await at_browser(call), cookie(gate, call.head, SESSION)
    if browser is None or not browser.is_pending or pending is None:
        return go_to(with_query(SIGN_IN, next=local(form.next)))
    try:
        await check_code(gate, browser.user_id, form.code)
    except (SecondFactorWrong, SignInLocked) as fault:
        return _code_page(call, form.next, fault)
    value = await open_browser_session(gate, SignedIn(browser.user_id, instead=pending))
    return go_to(local(form.next), set_cookie(gate, SESSION, value))


async def show_account(call: Call) -> Reply:
    browser = await at_browser(call)
    if browser is None or browser.is_pending:
        return go_to(SIGN_IN)
    token, cookies = form_token(wired(call).gate, call.head)
    return page("account", browser=browser, csrf=token, headers=cookies)


async def sign_out(call: Call, form: Form) -> Reply:
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    await _leave(call)
    return go_to(SIGN_IN, drop_cookie(gate, SESSION))


async def at_browser(call: Call) -> Browser | None:
    """Who is signed in here, perhaps only half."""
    gate = wired(call).gate
    value = cookie(gate, call.head, SESSION)
    return None if value is None else await find_browser(gate, value)


def sign_in_page(call: Call, place: str, login: str = "", fault: Fault | None = None) -> Reply:
    token, cookies = form_token(wired(call).gate, call.head)
    return page(
        "sign_in",
        status=200 if fault is None else status_of(type(fault)),
        headers=cookies + _wait(fault),
        problems=() if fault is None else said(fault),
        csrf=token,
        next=local(place),
        login=login,
    )


def _code_page(call: Call, place: str, fault: Fault | None = None) -> Reply:
    token, cookies = form_token(wired(call).gate, call.head)
    return page(
        "code",
        status=200 if fault is None else status_of(type(fault)),
        headers=cookies + _wait(fault),
        problems=() if fault is None else said(fault),
        csrf=token,
        next=local(place),
    )


def _wait(fault: Fault | None) -> tuple[tuple[str, str], ...]:
    if fault is None or fault.retry_after_seconds is None:
        return ()
    return (("retry-after", str(fault.retry_after_seconds)),)


async def _leave(call: Call) -> None:
    gate = wired(call).gate
    value = cookie(gate, call.head, SESSION)
    if value is not None:
        await end_browser_session(gate, value)
