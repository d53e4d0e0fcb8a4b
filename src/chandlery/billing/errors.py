"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound


class DocumentUnknown(NotFound):
    """There is no such document, or the link to it has expired; ask for a new link."""


class DocumentUnfit(Invalid):
    """The document cannot be kept like this; see the problems listed."""


class DocumentKept(Conflict):
    """This document is part of the books and stays; only uploads can be removed."""


class OwnerUnknown(NotFound):
    """There is no such organisation; check the id."""
