-- Who may act: the tree of organisations, people, memberships, roles, API clients, sessions, signing keys.

CREATE TABLE tenants (
    id           uuid PRIMARY KEY,  -- the operator's organisation
    is_sandbox   boolean NOT NULL DEFAULT false,
    clock_offset interval NOT NULL DEFAULT '0',
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (is_sandbox OR clock_offset = '0')
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (id = (SELECT scope_tenant())) WITH CHECK (id = (SELECT scope_tenant()));
GRANT SELECT, INSERT, UPDATE ON tenants TO chandlery_app;

CREATE TABLE organizations (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    parent_id  uuid REFERENCES organizations,
    kind       text NOT NULL CHECK (kind IN ('operator', 'reseller', 'customer', 'supplier')),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    edition    text CHECK (edition IN ('free', 'standard')),
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    path       text COLLATE "C" NOT NULL CONSTRAINT organizations_path_key UNIQUE,  -- labels of 8 characters, each with a '.'
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    CHECK ((kind = 'operator') = (parent_id IS NULL)),
    CHECK ((parent_id IS NULL) = (id = tenant_id))
);
CREATE INDEX organizations_children ON organizations (tenant_id, parent_id, created_at, id);
CREATE INDEX organizations_subtree ON organizations (tenant_id, path);
CREATE INDEX organizations_age ON organizations (tenant_id, created_at, id);
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON organizations USING (
    tenant_id = (SELECT scope_tenant()) AND path >= (SELECT scope_path()) AND path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant()) AND path >= (SELECT scope_path()) AND path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON organizations TO chandlery_app;

-- What an access token stands on. Ended, or of another epoch: the token is worth nothing from the next statement on.
CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations,
    user_id         uuid,
    client_id       uuid,
    surface         text NOT NULL,
    epoch           integer NOT NULL DEFAULT 1,  -- moves when the rights behind the session change
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,        -- wall time: a moved sandbox clock ends no session
    ended_at        timestamptz
);
CREATE INDEX sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_of_client ON sessions (client_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_of_organization ON sessions (organization_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_age ON sessions (expires_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON sessions USING (  -- the organisations that the policy above lets the caller see
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM organizations o WHERE o.id = organization_id)
);
GRANT SELECT, UPDATE (ended_at, epoch) ON sessions TO chandlery_app;  -- begun by functions only

-- Between issuing and ending. Who issues a session holds the tenant's lock shared while it looks at the rights; who
-- takes rights away holds it alone before it ends sessions: none can slip through between the two.
CREATE FUNCTION lock_sessions(p_tenant uuid) RETURNS void LANGUAGE sql VOLATILE
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended('sessions ' || p_tenant, 0)) $$;
CREATE FUNCTION share_sessions(p_tenant uuid) RETURNS void LANGUAGE sql VOLATILE
    AS $$ SELECT pg_advisory_xact_lock_shared(hashtextextended('sessions ' || p_tenant, 0)) $$;
REVOKE EXECUTE ON FUNCTION lock_sessions(uuid), share_sessions(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_sessions(uuid) TO chandlery_app;

-- The one act that no tenant can authorise. Refused inside a unit of work, so that no use case can reach it.
CREATE FUNCTION found_tenant(
    p_id uuid, p_name text, p_edition text, p_path text, p_now timestamptz, p_sandbox boolean, p_principal text
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF scope_tenant() IS NOT NULL THEN
        RAISE EXCEPTION 'found_tenant inside a unit of work';
    END IF;
    INSERT INTO tenants (id, is_sandbox, created_at) VALUES (p_id, p_sandbox, p_now);
    INSERT INTO organizations (id, tenant_id, kind, name, edition, path, created_at)
    VALUES (p_id, p_id, 'operator', p_name, p_edition, p_path, p_now);
    INSERT INTO events (id, tenant_id, at, type, subject, subject_id, owner_id, owner_path,
                        principal, organization_id, surface, request_id, data)
    VALUES (gen_random_uuid(), p_id, p_now, 'organization.added', 'organization', p_id, p_id, p_path,
            p_principal, p_id, 'founding', '', '{"kind": "operator", "parent_id": null}');
END
$$;
REVOKE EXECUTE ON FUNCTION found_tenant(uuid, text, text, text, timestamptz, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION found_tenant(uuid, text, text, text, timestamptz, boolean, text) TO chandlery_app;

-- The first statement of every unit of work. VOLATILE on purpose: each statement inside sees what was committed while
-- it waited for the lock, so that a waiting twin reads the answer of the first.
CREATE FUNCTION enter_unit(
    p_tenant uuid, p_org uuid, p_session uuid, p_epoch integer, p_system boolean, p_now timestamptz,
    p_operation text, p_key text, p_principal text
) RETURNS TABLE (now timestamptz, path text, fingerprint bytea, answer bytea)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT p_now + t.clock_offset, o.path INTO now, path
    FROM organizations o JOIN tenants t ON t.id = o.tenant_id
    WHERE o.id = p_org AND o.tenant_id = p_tenant AND (p_system OR (o.status = 'active' AND EXISTS (
        SELECT FROM sessions s WHERE s.id = p_session AND s.organization_id = p_org
            AND s.epoch = p_epoch AND s.ended_at IS NULL AND s.expires_at > pg_catalog.now()
    )));
    -- A connection is used by one unit after another: set all of it, also when refused.
    PERFORM set_config('chandlery.tenant', CASE WHEN path IS NULL THEN '' ELSE p_tenant::text END, true),
            set_config('chandlery.org', CASE WHEN path IS NULL THEN '' ELSE p_org::text END, true),
            set_config('chandlery.path', coalesce(path, ''), true),
            set_config('chandlery.system', CASE WHEN p_system AND path IS NOT NULL THEN 'on' ELSE '' END, true),
            set_config('chandlery.now', coalesce(now::text, ''), true);
    IF path IS NOT NULL AND p_key IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(E'\n', p_tenant, p_principal, p_operation, p_key), 0));
        SELECT k.fingerprint, k.answer INTO fingerprint, answer FROM idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal = p_principal AND k.operation = p_operation AND k.key = p_key;
    END IF;
    RETURN NEXT;
END
$$;

-- The record of a unit: its events, its jobs and timers, and the answer to repeat. All of one statement.
CREATE FUNCTION record_unit(
    p_events jsonb, p_by jsonb, p_jobs jsonb, p_once jsonb, p_fingerprint bytea, p_answer bytea
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_tenant uuid := scope_tenant();
    v_now timestamptz := unit_now();
BEGIN
    IF v_tenant IS NULL THEN
        RAISE EXCEPTION 'record_unit outside a unit of work';
    END IF;
    IF p_events <> '[]' THEN
        INSERT INTO events (id, tenant_id, at, type, subject, subject_id, owner_id, owner_path,
                            principal, organization_id, surface, request_id, data)
        SELECT e.id, v_tenant, v_now, e.type, e.subject, e.subject_id, e.owner_id,
               (SELECT o.path FROM organizations o WHERE o.id = e.owner_id AND o.tenant_id = v_tenant),
               p_by->>'principal', (p_by->>'organization_id')::uuid, p_by->>'surface', p_by->>'request_id', e.data
        FROM jsonb_to_recordset(p_events)
            AS e(id uuid, type text, subject text, subject_id uuid, owner_id uuid, data jsonb);
    END IF;
    IF p_jobs <> '[]' THEN
        INSERT INTO timers (tenant_id, due, task, args, lock, key)
        SELECT v_tenant, j.due, j.task, j.args, j.lock, j.key
        FROM jsonb_to_recordset(p_jobs) AS j(task text, args jsonb, lock text, key text, due timestamptz)
        WHERE j.due > v_now;
        PERFORM defer_jobs(v_tenant, (
            SELECT jsonb_agg(j) FROM jsonb_array_elements(p_jobs) AS j
            WHERE j->>'due' IS NULL OR (j->>'due')::timestamptz <= v_now
        ));
    END IF;
    IF p_once IS NOT NULL THEN
        INSERT INTO idempotency_keys (tenant_id, principal, operation, key, fingerprint, answer)
        VALUES (v_tenant, p_by->>'principal', p_once->>'operation', p_once->>'key', p_fingerprint, p_answer);
    END IF;
END
$$;

CREATE FUNCTION defer_jobs(p_tenant uuid, p_jobs jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM procrastinate_defer_jobs_v1(ARRAY(
        SELECT ROW(
            'default', j.task, 0, j.lock, j.key, coalesce(j.args, '{}') || jsonb_build_object('tenant_id', p_tenant), NULL
        )::procrastinate_job_to_defer_v1
        FROM jsonb_to_recordset(coalesce(p_jobs, '[]')) AS j(task text, args jsonb, lock text, key text)
        WHERE j.key IS NULL OR NOT EXISTS (  -- one that has not started yet will see what this one would
            SELECT FROM procrastinate_jobs w WHERE w.queueing_lock = j.key AND w.status = 'todo'
        )
    ));
END
$$;

-- Turns due timers into jobs, a bounded number at a time; the tenant's clock decides what is due.
CREATE FUNCTION fire_timers(p_now timestamptz, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_fired integer := 0;
    v_due record;
BEGIN
    FOR v_due IN
        WITH due AS (
            DELETE FROM timers WHERE id IN (
                SELECT d.id FROM tenants t CROSS JOIN LATERAL (
                    SELECT x.id FROM timers x WHERE x.tenant_id = t.id AND x.due <= p_now + t.clock_offset
                    ORDER BY x.due, x.id LIMIT p_limit FOR UPDATE SKIP LOCKED
                ) d LIMIT p_limit
            ) RETURNING *
        )
        SELECT tenant_id, jsonb_agg(to_jsonb(due) ORDER BY due.due, due.id) AS jobs, count(*) AS jobs_count
        FROM due GROUP BY tenant_id
    LOOP
        PERFORM defer_jobs(v_due.tenant_id, v_due.jobs);
        v_fired := v_fired + v_due.jobs_count;
    END LOOP;
    RETURN v_fired;
END
$$;

REVOKE EXECUTE ON FUNCTION enter_unit(uuid, uuid, uuid, integer, boolean, timestamptz, text, text, text),
    record_unit(jsonb, jsonb, jsonb, jsonb, bytea, bytea), defer_jobs(uuid, jsonb), fire_timers(timestamptz, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enter_unit(uuid, uuid, uuid, integer, boolean, timestamptz, text, text, text),
    record_unit(jsonb, jsonb, jsonb, jsonb, bytea, bytea) TO chandlery_app;
GRANT EXECUTE ON FUNCTION fire_timers(timestamptz, integer) TO chandlery_app, chandlery_jobs;
