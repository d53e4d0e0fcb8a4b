"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound


class CreditLimitUnknown(NotFound):
    """There is no such credit limit between you and somebody; list your credit limits."""


class CreditLimitInvalid(Invalid):
    """This credit limit cannot be set like this; see the problems listed."""


class CreditLimitTaken(Conflict):
    """There is a limit for this recipient, currency and period already; change that one."""


class CreditExceeded(Conflict):
    """This order goes beyond a credit or spending limit; order less, or have open orders paid or the limit raised."""


class NothingToSettle(Invalid):
    """This order takes nothing of this limit, or was settled before; read the limit for what is used."""


class DocumentUnknown(NotFound):
    """There is no such document, or the link to it has expired; ask for a new link."""


class DocumentUnfit(Invalid):
    """The document cannot be kept like this; see the problems listed."""


class DocumentKept(Conflict):
    """This document is part of the books and stays; only uploads can be removed."""


class OwnerUnknown(NotFound):
    """There is no such organisation; check the id."""
