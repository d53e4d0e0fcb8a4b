-- The machinery: roles, the scope that row-level security compares with, events, timers, idempotency, handles.

DO $$
DECLARE
    v_role text;
BEGIN
    -- Roles belong to the whole cluster: another database of it may have made them already, or be making them now.
    FOREACH v_role IN ARRAY ARRAY['chandlery_app', 'chandlery_jobs'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', v_role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF NOT pg_has_role(current_user, v_role, 'MEMBER') THEN  -- a superuser is a member of every role
            EXECUTE format('GRANT %I TO %I', v_role, current_user);
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO chandlery_app, chandlery_jobs;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The worker's own connections see the queue and nothing else; the app sees nothing of the queue.
DO $$
DECLARE
    item regclass;
BEGIN
    FOR item IN SELECT c.oid::regclass FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'procrastinate\_%' AND c.relkind IN ('r', 'S')
    LOOP
        EXECUTE format('GRANT ALL ON %s TO chandlery_jobs', item);
    END LOOP;
END
$$;

-- A job's key keeps twins from waiting beside it. Once it has started it waits no more: were it to keep the key, it could
-- not go back to the queue while a twin stands there, and would hold its lock for ever.
CREATE FUNCTION release_job_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.queueing_lock := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER chandlery_release_job_key BEFORE UPDATE OF status ON procrastinate_jobs FOR EACH ROW
    WHEN (OLD.status = 'todo' AND NEW.status = 'doing' AND OLD.queueing_lock IS NOT NULL)
    EXECUTE FUNCTION release_job_key();

-- Who is asking, as `enter_unit` set it for this transaction. Unset or refused: NULL, which equals nothing.
CREATE FUNCTION scope_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('chandlery.tenant', true), '')::uuid $$;
CREATE FUNCTION scope_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('chandlery.org', true), '')::uuid $$;
CREATE FUNCTION scope_path() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('chandlery.path', true), '') $$;
CREATE FUNCTION scope_is_system() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT current_setting('chandlery.system', true) = 'on' $$;
CREATE FUNCTION unit_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('chandlery.now', true), '')::timestamptz $$;
-- A path ends with '.', and '/' is the character after '.': all below a path stand between the two (collation C).
CREATE FUNCTION path_end(path text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT left(path, -1) || '/' $$;
CREATE FUNCTION scope_path_end() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT path_end(scope_path()) $$;
GRANT EXECUTE ON FUNCTION scope_tenant(), scope_org(), scope_path(), scope_is_system(), unit_now(), path_end(text),
    scope_path_end() TO chandlery_app;

-- What happened. Append-only: the app reads it, and writes it through record_unit alone.
CREATE TABLE events (
    id              uuid NOT NULL,
    tenant_id       uuid NOT NULL,
    txid            bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,  -- streams must not skip a late commit
    at              timestamptz NOT NULL,
    type            text NOT NULL,
    subject         text NOT NULL,
    subject_id      uuid NOT NULL,
    owner_id        uuid NOT NULL,
    owner_path      text COLLATE "C" NOT NULL,
    principal       text NOT NULL,
    organization_id uuid NOT NULL,  -- for whom the principal acted
    surface         text NOT NULL,
    request_id      text NOT NULL,
    data            jsonb NOT NULL,
    PRIMARY KEY (tenant_id, subject_id, id)
);
CREATE INDEX events_stream ON events (tenant_id, txid, id);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON events FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT ON events TO chandlery_app;

-- Jobs with a due date on the tenant's clock; fire_timers turns due ones into jobs.
CREATE TABLE timers (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    due       timestamptz NOT NULL,
    task      text NOT NULL,
    args      jsonb NOT NULL,
    lock      text,
    key       text
);
CREATE INDEX timers_due ON timers (tenant_id, due);
ALTER TABLE timers ENABLE ROW LEVEL SECURITY;  -- no policy and no grant: functions only

CREATE TABLE idempotency_keys (
    tenant_id   uuid NOT NULL,
    principal   text NOT NULL,
    operation   text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    answer      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, principal, operation, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;  -- no policy and no grant: functions only

-- The names by which outsiders know our rows.
CREATE TABLE handles (
    tenant_id uuid NOT NULL,
    namespace text NOT NULL,  -- whose name it is: a surface, a vendor, a channel
    kind      text NOT NULL,  -- of what: order, line, product
    handle    text COLLATE "C" NOT NULL CHECK (length(handle) BETWEEN 1 AND 200),
    id        uuid NOT NULL,
    CONSTRAINT handles_taken PRIMARY KEY (tenant_id, namespace, kind, handle),
    UNIQUE (tenant_id, namespace, kind, id)
);
ALTER TABLE handles ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON handles USING (tenant_id = (SELECT scope_tenant()))
    WITH CHECK (tenant_id = (SELECT scope_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON handles TO chandlery_app;
