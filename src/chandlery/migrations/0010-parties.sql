-- Whom we trade with. What is printed together is kept together: `postal`, `person`, `facts` are the nouns' own JSON.

CREATE TABLE addresses (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    kinds           text[] NOT NULL CHECK (cardinality(kinds) > 0),
    default_for     text[] NOT NULL CHECK (default_for <@ kinds),
    label           text NOT NULL,
    postal          jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL,
    attributes      jsonb NOT NULL
);
CREATE INDEX addresses_of_organization ON addresses (tenant_id, organization_id, created_at, id);
ALTER TABLE addresses ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON addresses USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON addresses TO chandlery_app;

CREATE TABLE contacts (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    roles           text[] NOT NULL,
    is_primary      boolean NOT NULL,
    person          jsonb NOT NULL,
    user_id         uuid,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL,
    attributes      jsonb NOT NULL
);
CREATE INDEX contacts_of_organization ON contacts (tenant_id, organization_id, created_at, id);
CREATE UNIQUE INDEX contacts_primary ON contacts (organization_id) WHERE is_primary;
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON contacts USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON contacts TO chandlery_app;

CREATE TABLE companies (
    organization_id uuid PRIMARY KEY REFERENCES organizations,
    tenant_id       uuid NOT NULL,
    owner_path      text COLLATE "C" NOT NULL,
    facts           jsonb NOT NULL,
    changed_at      timestamptz NOT NULL,
    version         integer NOT NULL,
    attributes      jsonb NOT NULL
);
ALTER TABLE companies ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON companies USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON companies TO chandlery_app;

CREATE TABLE letterheads (
    organization_id uuid PRIMARY KEY REFERENCES organizations,
    tenant_id       uuid NOT NULL,
    owner_path      text COLLATE "C" NOT NULL,
    letterhead      jsonb NOT NULL
);
ALTER TABLE letterheads ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON letterheads USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON letterheads TO chandlery_app;

-- The letterheads of an organisation the caller may see and of all above it, nearest first: a customer's letter bears
-- the reseller's name, whose row the customer may not read.
CREATE FUNCTION letterheads_above(p_organization uuid) RETURNS TABLE (organization_id uuid, letterhead jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT h.organization_id, h.letterhead
    FROM organizations o
    JOIN organizations above ON above.tenant_id = o.tenant_id AND starts_with(o.path, above.path)
    JOIN letterheads h ON h.organization_id = above.id
    WHERE o.id = p_organization AND o.tenant_id = scope_tenant()
        AND o.path >= scope_path() AND o.path < scope_path_end()
    ORDER BY length(above.path) DESC
    LIMIT 100
$$;
REVOKE EXECUTE ON FUNCTION letterheads_above(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION letterheads_above(uuid) TO chandlery_app;
