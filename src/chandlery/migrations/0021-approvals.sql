-- Which orders somebody has to approve before they are placed, and how far the approval of one has come.

CREATE TABLE approval_rules (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    owner_id    uuid NOT NULL REFERENCES organizations,
    owner_path  text COLLATE "C" NOT NULL,
    target_id   uuid NOT NULL REFERENCES organizations,  -- whom it concerns, with all below
    target_path text COLLATE "C" NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    active      boolean NOT NULL,
    above_minor jsonb NOT NULL,  -- by currency; none: whatever the amount
    goods       jsonb NOT NULL,  -- what it is about; none: everything
    steps       jsonb NOT NULL,  -- who decides, one after the other
    created_at  timestamptz NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    CHECK (starts_with(target_path, owner_path))
);
CREATE INDEX approval_rules_of_owner ON approval_rules (tenant_id, owner_id, created_at, id);
CREATE INDEX approval_rules_of_tenant ON approval_rules (tenant_id, created_at, id);
CREATE INDEX approval_rules_of_target ON approval_rules (tenant_id, target_path) WHERE active;
ALTER TABLE approval_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON approval_rules USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON approval_rules TO chandlery_app;

-- Who asked, and who is to decide or has decided what. It is read and written with the order, whole.
ALTER TABLE orders ADD COLUMN approval jsonb,
    ADD CONSTRAINT orders_wait_for_somebody CHECK (status <> 'awaiting_approval' OR approval IS NOT NULL);
