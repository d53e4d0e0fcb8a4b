"""How an order that waits for a decision looks: who asked for it, who decides, and who has decided what."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from chandlery.kernel.ids import OrganizationId
from chandlery.ordering.approval import Approval, Step, StepKind, StepStatus


class StepBody(msgspec.Struct, kw_only=True):
    """An approval or a payment. Whose payment is awaited is shown to its two parties alone."""

    kind: StepKind
    name: str
    status: StepStatus
    organization_id: UUID | None
    roles: list[str]
    user_ids: list[UUID]
    rule_id: UUID | None
    limit_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class ApprovalBody(msgspec.Struct, kw_only=True):
    """`waiting_for`: an approver, or, with money, the operator of the limit; null when nobody is asked any more."""

    requested_by: str
    requested_at: datetime
    waiting_for: Literal["approver", "operator"] | None
    steps: list[StepBody]


def approval_body(approval: Approval | None, viewer: OrganizationId) -> ApprovalBody | None:
    if approval is None:
        return None
    pending = approval.pending
    declined = any(step.status is StepStatus.DECLINED for step in approval.steps)
    return ApprovalBody(
        requested_by=approval.requested_by,
        requested_at=approval.requested_at,
        waiting_for=None if pending is None or declined else pending.waiting_for,
        steps=[_step(step, viewer) for step in approval.steps],
    )


def _step(whole: Step, viewer: OrganizationId) -> StepBody:
    step = whole.seen_by(viewer)
    hidden = step.kind is StepKind.PAYMENT and step.limit_id is None
    return StepBody(
        kind=step.kind,
        name=step.asked.name,
        status=step.status,
        organization_id=None if hidden else step.asked.organization_id,
        roles=list(step.asked.roles),
        user_ids=list(step.asked.user_ids),
        rule_id=step.rule_id,
        limit_id=step.limit_id,
        decided_by=step.decided_by,
        decided_at=step.decided_at,
        reason=step.reason,
    )
