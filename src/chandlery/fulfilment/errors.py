"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated


class ProvisioningUnknown(NotFound):
    """There is no such provisioning; check the order and line, or the reference in the callback."""


class ProviderUnknown(NotFound):
    """There is no such provider; check the path of the callback."""


class NothingToDecide(Conflict):
    """This line does not wait for a person; read the order again to see what it waits for."""


class CallbackUnreadable(Invalid):
    """The callback needs reference, status (done, refused or failed) and, when done, vendor_reference."""


class CallbackNotAuthentic(Unauthenticated):
    """The signature does not fit body, id and timestamp, or is too old; sign anew with the shared key."""


class FaultUnknown(Invalid):
    """The sandbox has no such fault; use fail, refuse, accept, hang, lose_answer or lose_request."""
