-- What customers keep: one subscription per fulfilled line that created something recurring.

CREATE TABLE subscriptions (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES tenants,
    owner_id         uuid NOT NULL,  -- the customer
    owner_path       text COLLATE "C" NOT NULL,
    order_id         uuid NOT NULL,
    line_id          uuid NOT NULL CONSTRAINT subscriptions_line UNIQUE,
    plan_id          uuid NOT NULL,
    plan_code        text NOT NULL,
    name             text NOT NULL,
    quantity         integer NOT NULL CHECK (quantity > 0),
    term             text NOT NULL,
    billing_cycle    text NOT NULL,
    provider         text NOT NULL,
    vendor_reference text NOT NULL,
    status           text NOT NULL CHECK (status IN ('active', 'suspended', 'cancelled', 'expired')),
    auto_renew       boolean NOT NULL,
    started_at       timestamptz NOT NULL,
    term_ends_at     timestamptz,
    created_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1
);
CREATE INDEX subscriptions_of_owner ON subscriptions (tenant_id, owner_id, created_at, id);
CREATE INDEX subscriptions_of_tenant ON subscriptions (tenant_id, created_at, id);
ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON subscriptions USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON subscriptions TO chandlery_app;
