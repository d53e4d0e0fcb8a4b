"""The table of contents of the native API: what can be asked, by whom, and where the answer is made.

Everything else is derived from it: routing, the OpenAPI document, the reference page, and the sweep that asks each of
these without a token, with a weak one and with a stranger's.
"""

from __future__ import annotations

from typing import Any

from chandlery.identity import permissions as p
from chandlery.surfaces.http.route import Handler, Route
from chandlery.surfaces.native import (
    api_clients,
    fulfilment,
    health,
    me,
    memberships,
    order_lines,
    orders,
    organizations,
    roles,
    subscriptions,
    users,
)
from chandlery.surfaces.native.dialect import PageBody, PageQuery


def get(path: str, handler: Handler, permission: str | None, summary: str, **more: Any) -> Route:
    return Route(
        method="GET", path=path, handler=handler, permission=permission, summary=summary, tags=_tag(path), **more
    )


def write(method: str, path: str, handler: Handler, permission: str | None, summary: str, **more: Any) -> Route:
    """A write takes an Idempotency-Key unless it says otherwise."""
    return Route(
        method=method,
        path=path,
        handler=handler,
        permission=permission,
        summary=summary,
        tags=_tag(path),
        **{"once": True, **more},
    )


def _tag(path: str) -> tuple[str, ...]:
    return (path.split("/")[2].replace("-", " "),)


_ORGANIZATION = organizations.OrganizationBody
_ORGANIZATIONS = (
    get("/v1/me", me.get_me, None, "Who this token acts for, and what it may do", reply=me.MeBody),
    get(
        "/v1/organizations", organizations.list_organizations, p.ORGANIZATIONS_READ,
        "Your organisation and all below it, oldest first",
        query=organizations.OrganizationQuery, reply=PageBody[_ORGANIZATION],
    ),
    write(
        "POST", "/v1/organizations", organizations.add_organization, p.ORGANIZATIONS_WRITE,
        "Add an organisation below one of yours",
        body=organizations.NewOrganization, reply=_ORGANIZATION, status=201,
    ),
    get(
        "/v1/organizations/{organization_id}", organizations.get_organization, p.ORGANIZATIONS_READ,
        "An organisation", reply=_ORGANIZATION,
    ),
    write(
        "PATCH", "/v1/organizations/{organization_id}", organizations.change_organization,
        p.ORGANIZATIONS_WRITE, "Change an organisation",
        body=organizations.OrganizationChange, reply=_ORGANIZATION,
    ),
    write(
        "POST", "/v1/organizations/{organization_id}/suspend", organizations.suspend_organization,
        p.ORGANIZATIONS_WRITE, "Suspend an organisation: nobody acts for it, or for one below, from now on",
        reply=_ORGANIZATION,
    ),
    write(
        "POST", "/v1/organizations/{organization_id}/reactivate", organizations.reactivate_organization,
        p.ORGANIZATIONS_WRITE, "Let a suspended organisation act again", reply=_ORGANIZATION,
    ),
    write(
        "POST", "/v1/organizations/{organization_id}/close", organizations.close_organization,
        p.ORGANIZATIONS_WRITE, "Close an organisation for good", reply=_ORGANIZATION,
    ),
)  # fmt: skip
