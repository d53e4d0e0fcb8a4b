-- The event stream's reach, webhook endpoints, and what is delivered to them.

-- How far one read of the stream may look: p_rows events of the tenant, all of them for NULL, and never past the oldest
-- transaction that still runs, behind which a late commit may yet appear. Tells a place and no content.
CREATE FUNCTION stream_window(p_txid bigint, p_id uuid, p_rows integer, OUT txid bigint, OUT event_id uuid, OUT is_end boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_horizon bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
BEGIN
    is_end := false;
    IF p_rows IS NOT NULL THEN
        SELECT e.txid, e.id INTO txid, event_id FROM events e
        WHERE e.tenant_id = scope_tenant() AND (e.txid, e.id) > (p_txid, p_id) AND e.txid < v_horizon
        ORDER BY e.txid, e.id OFFSET p_rows - 1 LIMIT 1;
    END IF;
    IF txid IS NULL THEN
        txid := v_horizon;
        event_id := '00000000-0000-0000-0000-000000000000';
        is_end := true;
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION stream_window(bigint, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stream_window(bigint, uuid, integer) TO chandlery_app;

-- For redelivery by time. The table grows in the order of time, so the smallest index there is will do.
CREATE INDEX events_age ON events USING brin (at) WITH (autosummarize = on);

CREATE TABLE webhook_endpoints (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    owner_id        uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    url             text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    description     text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
    events          text[] NOT NULL,
    enabled         boolean NOT NULL DEFAULT true,
    disabled_reason text CHECK (disabled_reason IN ('asked', 'gone', 'failing')),
    secret          bytea NOT NULL,           -- sealed
    previous_secret bytea,                    -- sealed; signs too until
    previous_until  timestamptz,              -- this moment of wall time
    since           pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),  -- what was committed in it, is not delivered
    failures        integer NOT NULL DEFAULT 0,  -- failed attempts since the last that succeeded
    failing_since   timestamptz,
    leased_by       uuid,                     -- the turn that is delivering, if any
    leased_until    timestamptz,              -- wall time; the end of the last turn when there is none
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK (enabled = (disabled_reason IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
CREATE INDEX webhook_endpoints_owner ON webhook_endpoints (tenant_id, owner_id, created_at, id);
CREATE INDEX webhook_endpoints_enabled ON webhook_endpoints (tenant_id) WHERE enabled;
ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON webhook_endpoints USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoints TO chandlery_app;

-- How far a tenant's events have been turned into deliveries. A tenant that never had an endpoint has no row here.
CREATE TABLE webhook_cursors (
    tenant_id uuid PRIMARY KEY,
    txid      bigint NOT NULL,
    event_id  uuid NOT NULL
);
ALTER TABLE webhook_cursors ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON webhook_cursors USING (tenant_id = (SELECT scope_tenant()))
    WITH CHECK (tenant_id = (SELECT scope_tenant()));
GRANT SELECT, INSERT, UPDATE ON webhook_cursors TO chandlery_app;

-- One event for one endpoint. Of the pending ones of one subject, only the first has a next attempt: the others wait
-- for it. Pending ones of a disabled endpoint have none. All times are wall time.
CREATE TABLE webhook_deliveries (
    endpoint_id     uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,  -- also holds the endpoint for a unit
    event_id        uuid NOT NULL,
    tenant_id       uuid NOT NULL,
    owner_id        uuid NOT NULL,
    owner_path      text COLLATE "C" NOT NULL,
    event_txid      bigint NOT NULL,
    event_type      text NOT NULL,
    subject_id      uuid NOT NULL,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    last_attempt_at timestamptz,
    duration_ms     integer,
    response_status integer,
    response_body   text,
    error           text,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, event_id),
    CHECK (status = 'pending' OR next_attempt_at IS NULL)
);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (tenant_id, endpoint_id, created_at, event_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (endpoint_id, subject_id, event_txid, event_id)
    WHERE status = 'pending';
CREATE INDEX webhook_deliveries_age ON webhook_deliveries USING brin (created_at) WITH (autosummarize = on);
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON webhook_deliveries USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO chandlery_app;

-- Across all tenants, outside any unit: whose events wait to become deliveries, and which endpoints have something due.
-- Ids only. p_tenant restricts both to one tenant.
CREATE FUNCTION webhook_tenants_behind(p_tenant uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.tenant_id FROM webhook_cursors c
    WHERE (p_tenant IS NULL OR c.tenant_id = p_tenant) AND EXISTS (
        SELECT FROM events e
        WHERE e.tenant_id = c.tenant_id AND (e.txid, e.id) > (c.txid, c.event_id)
            AND e.txid < (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
    )
    LIMIT 1000
$$;
CREATE FUNCTION webhook_endpoints_due(p_now timestamptz, p_tenant uuid) RETURNS TABLE (tenant_id uuid, endpoint_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.tenant_id, w.id FROM webhook_endpoints w JOIN organizations o ON o.id = w.owner_id AND o.status = 'active'
    WHERE w.enabled AND (p_tenant IS NULL OR w.tenant_id = p_tenant)
        AND (w.leased_until IS NULL OR w.leased_until <= p_now) AND EXISTS (
            SELECT FROM webhook_deliveries d WHERE d.endpoint_id = w.id AND d.next_attempt_at <= p_now
        )
    ORDER BY w.leased_until NULLS FIRST, w.id LIMIT 1000
$$;

-- A bounded bite of what was delivered or given up long ago; answers how many rows went.
CREATE FUNCTION purge_webhook_deliveries(p_before timestamptz, p_limit integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH spent AS (
        SELECT ctid FROM webhook_deliveries WHERE created_at < p_before AND status <> 'pending'
        LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM webhook_deliveries d USING spent WHERE d.ctid = spent.ctid RETURNING 1
    )
    SELECT count(*)::integer FROM gone
$$;
REVOKE EXECUTE ON FUNCTION webhook_tenants_behind(uuid), webhook_endpoints_due(timestamptz, uuid),
    purge_webhook_deliveries(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_tenants_behind(uuid), webhook_endpoints_due(timestamptz, uuid),
    purge_webhook_deliveries(timestamptz, integer) TO chandlery_app;

-- Transaction numbers belong to a server. After a logical restore into another one, its owner calls this once, before
-- the first unit of work: what was restored is the past, in the order of its ids, and the stream goes on from here.
CREATE FUNCTION renumber_events() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE events SET txid = 0;
    UPDATE webhook_deliveries SET event_txid = 0;
    UPDATE webhook_endpoints SET since = pg_current_snapshot(), leased_by = NULL, leased_until = NULL;
    UPDATE webhook_cursors SET txid = pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        event_id = '00000000-0000-0000-0000-000000000000';
END
$$;
REVOKE EXECUTE ON FUNCTION renumber_events() FROM PUBLIC;
