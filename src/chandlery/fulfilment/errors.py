"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated


class ProvisioningUnknown(NotFound):
    """There is no such provisioning; check the order and line, or the reference in the callback."""


class ProviderUnknown(NotFound):
    """There is no such provider; check its name, or the path of the callback."""


class NothingToDecide(Conflict):
    """This line is done, or being sent right now; read the order again to see what it waits for."""


class CallbackUnreadable(Invalid):
    """The callback needs reference, status (done, refused or failed) and, when done, vendor_reference."""


class CallbackNotAuthentic(Unauthenticated):
    """The signature does not fit body, id and timestamp, or is too old; sign anew with the shared key."""


class FaultUnknown(Invalid):
    """The sandbox has no such fault; use fail, refuse, accept, hang, lose_answer or lose_request."""


class ProviderNameTaken(Conflict):
    """There is a provider of that name; choose another one, or change that one."""


class ProviderRefused(Invalid):
    """The provider cannot be set up like this; correct the fields listed."""


class ProviderInUse(Conflict):
    """Vendors use this provider, or lines wait at it; give the vendors another one, and decide about the lines."""


class ProviderHasNoSecret(Conflict):
    """Only providers of the kind http share a secret with us; there is none to replace."""
