-- Many requests in one call, carried out one after the other by a job.

CREATE TABLE batches (
    id           uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    owner_id     uuid NOT NULL REFERENCES organizations,  -- for whom they are carried out
    owner_path   text COLLATE "C" NOT NULL,
    principal    text NOT NULL,                           -- by whom: nobody else reads what came of it
    actor        jsonb NOT NULL,                          -- with which session and rights
    status       text NOT NULL CHECK (status IN ('running', 'completed')),
    total        integer NOT NULL CHECK (total > 0),
    done         integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    touched_at   timestamptz NOT NULL,                    -- wall time
    completed_at timestamptz,
    CHECK (done <= total AND failed <= done),
    CHECK ((status = 'completed') = (completed_at IS NOT NULL))
);
CREATE INDEX batches_of_principal ON batches (tenant_id, owner_id, principal, created_at, id);
CREATE INDEX batches_running ON batches (touched_at) WHERE status = 'running';
CREATE INDEX batches_age ON batches (touched_at) WHERE status = 'completed';
ALTER TABLE batches ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON batches USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON batches TO chandlery_app;

CREATE TABLE batch_items (
    batch_id  uuid NOT NULL REFERENCES batches ON DELETE CASCADE,
    id        uuid NOT NULL,           -- ascends with the position
    tenant_id uuid NOT NULL,
    position  integer NOT NULL,
    method    text NOT NULL,
    path      text NOT NULL,
    body      bytea,                   -- gone once it is done
    key       text NOT NULL,
    if_match  text,
    status    integer,                 -- NULL: still to be done
    location  text,
    etag      text,
    replayed  boolean,
    answer    bytea,
    PRIMARY KEY (batch_id, id)
);
CREATE INDEX batch_items_to_do ON batch_items (batch_id, id) WHERE status IS NULL;
ALTER TABLE batch_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON batch_items USING (
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM batches b WHERE b.id = batch_id)
) WITH CHECK (
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM batches b WHERE b.id = batch_id)
);
GRANT SELECT, INSERT, UPDATE ON batch_items TO chandlery_app;

-- Those that nobody turns to any more: a job can be given up. Ids only.
CREATE FUNCTION batches_left_alone(p_before timestamptz, p_limit integer) RETURNS TABLE (tenant_id uuid, batch_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.tenant_id, b.id FROM batches b WHERE b.status = 'running' AND b.touched_at < p_before
    ORDER BY b.touched_at LIMIT p_limit
$$;

-- What came of them is kept for a while, with what was in it of persons; answers how many went.
CREATE FUNCTION purge_batches(p_before timestamptz, p_limit integer) RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM batches WHERE id IN (
            SELECT b.id FROM batches b WHERE b.status = 'completed' AND b.touched_at < p_before
            ORDER BY b.touched_at LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) RETURNING 1
    )
    SELECT count(*)::integer FROM gone
$$;
REVOKE EXECUTE ON FUNCTION batches_left_alone(timestamptz, integer), purge_batches(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION batches_left_alone(timestamptz, integer), purge_batches(timestamptz, integer) TO chandlery_app;
