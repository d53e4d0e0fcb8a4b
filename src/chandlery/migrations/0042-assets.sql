-- What customers own: one asset per fulfilled line that was bought once, beside the subscriptions.

CREATE TABLE assets (
    id                uuid PRIMARY KEY,
    tenant_id         uuid NOT NULL REFERENCES tenants,
    owner_id          uuid NOT NULL,  -- the customer
    owner_path        text COLLATE "C" NOT NULL,
    seller_id         uuid,
    order_id          uuid NOT NULL,
    line_id           uuid NOT NULL CONSTRAINT assets_line UNIQUE,
    plan_id           uuid NOT NULL,
    plan_code         text NOT NULL,
    name              text NOT NULL,
    quantity          bigint NOT NULL CHECK (quantity > 0),
    returned_quantity bigint NOT NULL DEFAULT 0,
    serial_numbers    text[] NOT NULL DEFAULT '{}',
    vendor_reference  text NOT NULL DEFAULT '',
    status            text NOT NULL CHECK (status IN ('active', 'returned', 'retired')),
    created_at        timestamptz NOT NULL,
    ended_at          timestamptz,
    version           integer NOT NULL DEFAULT 1,
    CHECK (returned_quantity BETWEEN 0 AND quantity),
    CHECK ((status = 'active') = (ended_at IS NULL))
);
CREATE INDEX assets_of_tenant ON assets (tenant_id, created_at, id);
CREATE INDEX assets_of_owner ON assets (tenant_id, owner_id, created_at, id);
CREATE INDEX assets_of_seller ON assets (tenant_id, seller_id, created_at, id);
ALTER TABLE assets ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON assets USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON assets TO chandlery_app;
