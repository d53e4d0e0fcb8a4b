"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class OrganizationUnknown(NotFound):
    """There is no such organisation; check the id."""


class OrganizationUnfit(Invalid):
    """The organisation cannot be saved like this; see the problems listed."""


class ParentUnfit(Invalid):
    """An organisation of this kind cannot stand below that one; see the problem listed."""


class ParentInactive(Conflict):
    """The organisation above is suspended or closed; reactivate it first."""


class OrganizationClosed(Conflict):
    """This organisation is closed for good; add a new one."""


class OwnOrganization(Forbidden):
    """You cannot change the status or edition of your own organisation; ask the organisation above it."""


class PathTaken(Conflict):
    """A random name inside the tree was taken already; repeat the same request."""

    retry_after_seconds = 1
