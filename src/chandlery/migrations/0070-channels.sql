-- Sales channels: under which name, and with which words, a seller meets those who buy from it.

CREATE SEQUENCE channel_numbers START 10010 INCREMENT 10;
GRANT USAGE ON SEQUENCE channel_numbers TO chandlery_app;

CREATE TABLE channels (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations,  -- the seller
    owner_path      text COLLATE "C" NOT NULL,
    number          bigint NOT NULL CHECK (number > 0),      -- by which other systems know it
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    is_default      boolean NOT NULL,
    status          text NOT NULL CHECK (status IN ('active', 'closed')),
    naming          jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT channels_number_key UNIQUE (tenant_id, number),
    CONSTRAINT channels_default_is_open CHECK (status = 'active' OR NOT is_default)
);
CREATE UNIQUE INDEX channels_default ON channels (organization_id) WHERE is_default;
CREATE INDEX channels_owner ON channels (tenant_id, organization_id, created_at, id);
ALTER TABLE channels ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON channels USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
-- Whoever buys sees the channels of its own seller, and of nobody above that one.
CREATE POLICY buyer ON channels FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND organization_id = (SELECT o.parent_id FROM organizations o WHERE o.id = (SELECT scope_org()))
);
GRANT SELECT, INSERT, UPDATE ON channels TO chandlery_app;

-- NULL: the default channel of the order's seller. No foreign key, as for the other ids of an order: channels are closed
-- and never deleted, and one more key would lock the same few rows for every order placed.
ALTER TABLE orders ADD COLUMN channel_id uuid;
