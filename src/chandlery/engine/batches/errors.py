"""What batches may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Invalid, NotFound, Unavailable


class BatchUnknown(NotFound):
    """There is no such bulk of yours; they are kept for a week."""


class BatchUnfit(Invalid):
    """This bulk cannot be taken; see the problems listed."""


class BatchInterrupted(Unavailable):
    """The rest of this bulk cannot be carried out right now; it will be."""
