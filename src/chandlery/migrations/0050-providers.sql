-- Vendors' systems that a tenant has set up: how each is reached, what it bears, how it is, and who waits for it.

CREATE TABLE fulfilment_providers (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES tenants,
    name             text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    kind             text NOT NULL CHECK (kind IN ('http', 'manual', 'sandbox')),
    url              text CHECK (length(url) BETWEEN 1 AND 2000),
    secret           bytea,           -- sealed
    previous_secret  bytea,           -- sealed; signs and proves too until
    previous_until   timestamptz,     -- this moment of wall time
    concurrency      integer NOT NULL CHECK (concurrency >= 0),       -- calls at once; 0: no limit
    calls_per_minute integer NOT NULL CHECK (calls_per_minute >= 0),  -- 0: no limit
    timeout_seconds  integer NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 60),
    idempotent       boolean NOT NULL,
    trips_after      integer NOT NULL CHECK (trips_after >= 1),
    -- How it is. All of this changes under this row's lock, by whoever calls.
    failures         integer NOT NULL DEFAULT 0,  -- in a row
    openings         integer NOT NULL DEFAULT 0,  -- in a row, without a call that went well
    open_until       timestamptz,                 -- no call before; after it, one that shows how things are
    probing_until    timestamptz,                 -- while that one may be under way
    trouble          text NOT NULL DEFAULT '',    -- what went wrong last
    next_call_at     timestamptz,                 -- when the rate allows the next call that nobody has reserved
    created_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    CONSTRAINT fulfilment_providers_name_key UNIQUE (tenant_id, name),
    CHECK (kind <> 'http' OR (url IS NOT NULL AND secret IS NOT NULL)),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
CREATE INDEX fulfilment_providers_age ON fulfilment_providers (tenant_id, created_at, id);
ALTER TABLE fulfilment_providers ENABLE ROW LEVEL SECURITY;
-- How the operator reaches its vendors is nobody else's business.
CREATE POLICY operator ON fulfilment_providers USING (tenant_id = (SELECT scope_org()))
    WITH CHECK (tenant_id = (SELECT scope_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON fulfilment_providers TO chandlery_app;

-- A line that calls a provider of limited patience, or waits until it may.
CREATE TABLE provider_turns (
    provisioning_id uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    provider_id     uuid NOT NULL REFERENCES fulfilment_providers ON DELETE CASCADE,
    order_id        uuid NOT NULL,
    came_at         timestamptz NOT NULL,
    starts_at       timestamptz,  -- when the rate lets it call; NULL: nothing reserved
    held_until      timestamptz   -- while its call may be under way; NULL: it waits
);
CREATE INDEX provider_turns_held ON provider_turns (provider_id, held_until) WHERE held_until IS NOT NULL;
CREATE INDEX provider_turns_waiting ON provider_turns (provider_id, came_at, provisioning_id) WHERE held_until IS NULL;
CREATE INDEX provider_turns_order ON provider_turns (order_id);
ALTER TABLE provider_turns ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON provider_turns USING (tenant_id = (SELECT scope_tenant()))
    WITH CHECK (tenant_id = (SELECT scope_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_turns TO chandlery_app;

-- A callback names the provider by its id before it is known whose it is; the secrets are sealed.
CREATE FUNCTION provider_secrets(p_provider uuid)
RETURNS TABLE (tenant_id uuid, name text, secret bytea, previous_secret bytea, previous_until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT f.tenant_id, f.name, f.secret, f.previous_secret, f.previous_until
    FROM fulfilment_providers f WHERE f.id = p_provider AND f.secret IS NOT NULL
$$;
REVOKE EXECUTE ON FUNCTION provider_secrets(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provider_secrets(uuid) TO chandlery_app;

-- What the vendor told along with "done", and what a person noted.
ALTER TABLE provisionings ADD COLUMN facts jsonb NOT NULL DEFAULT '{}', ADD COLUMN note text NOT NULL DEFAULT '';
CREATE INDEX provisionings_waiting_at ON provisionings (tenant_id, provider, created_at, id) WHERE state <> 'done';

