"""Who am I: the one question that every token may ask."""

from __future__ import annotations

from uuid import UUID

import msgspec

from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.organizations import OrganizationBody, organization_body
from chandlery.surfaces.native.wiring import own_organization


class MeBody(msgspec.Struct, kw_only=True):
    """For which organisation this token acts, with which permissions, and whose it is: a client's or a person's."""

    organization: OrganizationBody
    tenant_id: UUID
    permissions: list[str]
    surface: str
    client_id: UUID | None
    user_id: UUID | None


async def get_me(call: Call) -> Reply:
    actor = call.actor
    organization = await call.read(own_organization, None)
    return Reply(
        MeBody(
            organization=organization_body(organization),
            tenant_id=actor.tenant_id,
            permissions=sorted(actor.permissions),
            surface=actor.surface,
            client_id=actor.client_id,
            user_id=actor.user_id,
        )
    )
