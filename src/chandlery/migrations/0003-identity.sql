-- Who may act: the tree of organisations, people, memberships, roles, API clients, sessions, signing keys.

CREATE TABLE tenants (
    id           uuid PRIMARY KEY,  -- the operator's organisation
    is_sandbox   boolean NOT NULL DEFAULT false,
    clock_offset interval NOT NULL DEFAULT '0',
    features     text[] NOT NULL DEFAULT '{}',  -- what the tenant has come to use: what is not named is not looked for
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

-- Roles of an organisation's own; the built-in ones are code. A role is usable where it is defined and below.
CREATE TABLE roles (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    permissions     text[] NOT NULL,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX roles_name_key ON roles (organization_id, lower(name));
CREATE INDEX roles_of_organization ON roles (tenant_id, organization_id, created_at, id);
ALTER TABLE roles ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON roles USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON roles TO chandlery_app;

-- People. They are global: one person may belong to several organisations, of several tenants (a listed exception).
-- An actor sees the people who belong to its subtree, and nobody's password.
CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    username      text NOT NULL CHECK (length(username) BETWEEN 1 AND 254),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash text,  -- argon2id; NULL: no password, no sign-in with one
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'removed')),
    created_at    timestamptz NOT NULL,
    version       integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email)) WHERE status = 'active';
CREATE UNIQUE INDEX users_username_key ON users (lower(username)) WHERE status = 'active';

CREATE TABLE memberships (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL REFERENCES users,
    role            text,                             -- a built-in role, or
    role_id         uuid CONSTRAINT memberships_role REFERENCES roles,  -- one of the organisation's own
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT memberships_one_each UNIQUE (user_id, organization_id),
    CHECK ((role IS NULL) <> (role_id IS NULL))
);
CREATE INDEX memberships_of_organization ON memberships (tenant_id, organization_id, created_at, id);
CREATE INDEX memberships_with_role ON memberships (role_id) WHERE role_id IS NOT NULL;
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON memberships USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships TO chandlery_app;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON users FOR SELECT USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id));
CREATE POLICY members_change ON users FOR UPDATE USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id));
CREATE POLICY newcomers ON users FOR INSERT WITH CHECK ((SELECT scope_tenant()) IS NOT NULL);
GRANT SELECT (id, email, username, name, status, created_at, version), INSERT,
    UPDATE (name, password_hash, status, version) ON users TO chandlery_app;

-- Wrong passwords, counted alike for people and for names that nobody has. No policy and no grant: functions only.
CREATE TABLE sign_in_failures (
    key          text PRIMARY KEY,
    failures     integer NOT NULL,
    last_at      timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX sign_in_failures_age ON sign_in_failures (last_at);
ALTER TABLE sign_in_failures ENABLE ROW LEVEL SECURITY;

-- Machines that may act for an organisation; each is minted for one surface.
CREATE TABLE api_clients (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    surface         text NOT NULL CHECK (length(surface) BETWEEN 1 AND 50),
    grants          text[] NOT NULL,
    role            text,
    role_id         uuid CONSTRAINT api_clients_role REFERENCES roles,
    is_public       boolean NOT NULL DEFAULT false,  -- has no secret: it runs where none can be kept
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'removed')),
    access_seconds  integer NOT NULL CHECK (access_seconds BETWEEN 60 AND 86400),
    refresh_seconds integer NOT NULL CHECK (refresh_seconds BETWEEN 0 AND 31622400),
    origins         text[] NOT NULL DEFAULT '{}',    -- browsers' origins, for CORS
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK ((role IS NULL) <> (role_id IS NULL))
);
CREATE INDEX api_clients_of_organization ON api_clients (tenant_id, organization_id, created_at, id);
CREATE INDEX api_clients_with_role ON api_clients (role_id) WHERE role_id IS NOT NULL;
CREATE INDEX api_clients_origins ON api_clients USING gin (origins) WHERE status = 'active';
ALTER TABLE api_clients ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON api_clients USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON api_clients TO chandlery_app;

-- Secrets of clients, as HMAC-SHA-256 under a key that the database does not have. Written by the app, read by a function.
CREATE TABLE client_secrets (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    client_id  uuid NOT NULL REFERENCES api_clients,
    mac        bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz  -- wall time; NULL: until it is rotated
);
CREATE INDEX client_secrets_of_client ON client_secrets (client_id);
ALTER TABLE client_secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON client_secrets USING (
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM api_clients c WHERE c.id = client_id)
);
GRANT SELECT (id, tenant_id, client_id, created_at, expires_at), INSERT, UPDATE (expires_at), DELETE
    ON client_secrets TO chandlery_app;

-- What an access token stands on. Ended, or of another epoch: the token is worth nothing from the next statement on.
CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations,
    user_id         uuid REFERENCES users,
    client_id       uuid REFERENCES api_clients,
    surface         text NOT NULL,
    scope           text[],                      -- what was asked for; NULL: all that the rights behind it allow
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

-- Refresh tokens, as HMAC-SHA-256. The session is the family: a token that comes twice ends it. `successor` is what a
-- grace window would answer with. No policy and no grant: functions only.
CREATE TABLE refresh_tokens (
    mac        bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    used_at    timestamptz,
    successor  bytea
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;

-- The server's own keys, whatever the tenant (a listed exception); the private half is sealed under the master key.
-- No policy and no grant: functions only.
CREATE TABLE signing_keys (
    kid            text PRIMARY KEY,
    algorithm      text NOT NULL,
    sealed         bytea NOT NULL,
    public         jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    verifies_until timestamptz  -- wall time; NULL: this one signs
);
CREATE UNIQUE INDEX signing_keys_signer ON signing_keys (algorithm) WHERE verifies_until IS NULL;
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;

-- Between issuing and ending. Who issues a session holds the tenant's lock shared while it looks at the rights; who
-- takes rights away holds it alone before it ends sessions: none can slip through between the two.
CREATE FUNCTION lock_sessions(p_tenant uuid) RETURNS void LANGUAGE sql VOLATILE
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended('sessions ' || p_tenant, 0)) $$;
CREATE FUNCTION share_sessions(p_tenant uuid) RETURNS void LANGUAGE sql VOLATILE
    AS $$ SELECT pg_advisory_xact_lock_shared(hashtextextended('sessions ' || p_tenant, 0)) $$;

-- Whether an organisation and all above it are active: a path is labels of nine characters, the '.' included.
CREATE FUNCTION in_standing(p_tenant uuid, p_path text) RETURNS boolean LANGUAGE sql STABLE
    SET search_path = public, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM organizations a WHERE a.tenant_id = p_tenant AND a.status <> 'active'
            AND a.path = ANY (ARRAY(SELECT left(p_path, 9 * n) FROM generate_series(1, length(p_path) / 9) n))
    )
$$;

-- The rights for which a session stands, as of now: the user's (at most the client's), or the client's own. No row:
-- the user, the client, the membership or an organisation above is gone or not active.
CREATE FUNCTION rights_of(p_org uuid, p_user uuid, p_client uuid) RETURNS TABLE (
    tenant uuid, user_role text, user_permissions text[], client_role text, client_permissions text[]
) LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT o.tenant_id, m.role, mr.permissions, c.role, cr.permissions
    FROM organizations o
    LEFT JOIN memberships m ON m.organization_id = o.id AND m.user_id = p_user
    LEFT JOIN users u ON u.id = m.user_id AND u.status = 'active'
    LEFT JOIN roles mr ON mr.id = m.role_id
    LEFT JOIN api_clients c ON c.id = p_client AND c.tenant_id = o.tenant_id AND c.status = 'active'
    LEFT JOIN roles cr ON cr.id = c.role_id
    WHERE o.id = p_org AND in_standing(o.tenant_id, o.path)
        AND (p_user IS NOT NULL OR p_client IS NOT NULL)
        AND (p_user IS NULL OR u.id IS NOT NULL)
        AND (p_client IS NULL OR c.organization_id = o.id
             OR (p_user IS NOT NULL AND o.path >= c.owner_path AND o.path < path_end(c.owner_path)))
$$;

-- What it takes to recognise a client; `macs` are its live secrets.
CREATE FUNCTION find_client(p_id uuid) RETURNS TABLE (
    id uuid, organization_id uuid, surface text, grants text[], is_public boolean,
    access_seconds integer, refresh_seconds integer, tenant uuid, role text, permissions text[], macs bytea[]
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.organization_id, c.surface, c.grants, c.is_public, c.access_seconds, c.refresh_seconds,
           c.tenant_id, c.role, r.permissions,
           ARRAY(SELECT s.mac FROM client_secrets s
                 WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > now()))
    FROM api_clients c LEFT JOIN roles r ON r.id = c.role_id
    WHERE c.id = p_id AND c.status = 'active' AND in_standing(c.tenant_id, c.owner_path)
$$;

-- What it takes to recognise a person: always one row, with a key to count failures under. `organizations` are those
-- that the person may act for through the client, oldest membership first, the client's own before all others.
CREATE FUNCTION find_login(p_login text, p_user uuid, p_client uuid) RETURNS TABLE (
    key text, user_id uuid, password_hash text, failures integer, locked_until timestamptz, organizations uuid[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT u.id, u.password_hash INTO user_id, password_hash FROM users u
    WHERE u.status = 'active' AND CASE WHEN p_user IS NULL
        THEN lower(u.email) = lower(p_login) OR lower(u.username) = lower(p_login) ELSE u.id = p_user END;
    key := coalesce('user ' || user_id, 'name ' || encode(sha256(convert_to(lower(p_login), 'UTF8')), 'hex'));
    SELECT f.failures, f.locked_until INTO failures, locked_until FROM sign_in_failures f WHERE f.key = find_login.key;
    organizations := ARRAY(
        SELECT m.organization_id FROM memberships m
        LEFT JOIN api_clients c ON c.id = p_client
        WHERE m.user_id = find_login.user_id AND in_standing(m.tenant_id, m.owner_path)
            AND (p_client IS NULL OR (m.tenant_id = c.tenant_id
                 AND m.owner_path >= c.owner_path AND m.owner_path < path_end(c.owner_path)))
        ORDER BY m.organization_id = c.organization_id DESC NULLS LAST, m.created_at, m.id LIMIT 100
    );
    RETURN NEXT;
END
$$;

-- Five in a row are free; then half a minute, doubling up to a quarter of an hour. An hour's silence forgets.
CREATE FUNCTION count_sign_in_failure(p_key text, p_now timestamptz) RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO sign_in_failures AS f (key, failures, last_at) VALUES (p_key, 1, p_now)
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN f.last_at < p_now - interval '1 hour' THEN 1 ELSE f.failures + 1 END,
        last_at = p_now,
        locked_until = CASE WHEN f.last_at >= p_now - interval '1 hour' AND f.failures + 1 >= 5
            THEN p_now + least(interval '15 minutes', interval '30 seconds' * 2 ^ least(f.failures - 4, 10)) END
    RETURNING locked_until
$$;

-- After a right password: forget the failures, and keep the newer hash unless the password was changed meanwhile.
CREATE FUNCTION note_sign_in(p_key text, p_user uuid, p_old_hash text, p_new_hash text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM sign_in_failures WHERE key = p_key;
    UPDATE users SET password_hash = p_new_hash
    WHERE p_new_hash IS NOT NULL AND id = p_user AND password_hash = p_old_hash;
$$;

-- Begin a session, if the proof that was checked a moment ago and the rights behind it still hold. `p_proof`: the
-- password's hash of a user, the secret's MAC (hex) of a client; NULL where neither was asked for.
CREATE FUNCTION open_session(
    p_id uuid, p_org uuid, p_user uuid, p_client uuid, p_surface text, p_scope text[], p_seconds integer,
    p_proof text, p_refresh_mac bytea, p_now timestamptz
) RETURNS TABLE (tenant uuid, user_role text, user_permissions text[], client_role text, client_permissions text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM share_sessions(o.tenant_id) FROM organizations o WHERE o.id = p_org;
    IF p_proof IS NOT NULL AND NOT EXISTS (SELECT FROM users u WHERE u.id = p_user AND u.password_hash = p_proof)
        AND NOT EXISTS (SELECT FROM client_secrets s WHERE p_user IS NULL AND s.client_id = p_client
                        AND encode(s.mac, 'hex') = p_proof AND (s.expires_at IS NULL OR s.expires_at > now()))
    THEN
        RETURN;
    END IF;
    SELECT * INTO tenant, user_role, user_permissions, client_role, client_permissions
    FROM rights_of(p_org, p_user, p_client);
    IF tenant IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO sessions (id, tenant_id, organization_id, user_id, client_id, surface, scope, expires_at)
    VALUES (p_id, tenant, p_org, p_user, p_client, p_surface, p_scope, now() + make_interval(secs => p_seconds));
    IF p_refresh_mac IS NOT NULL THEN
        INSERT INTO refresh_tokens (mac, session_id, issued_at) VALUES (p_refresh_mac, p_id, p_now);
    END IF;
    RETURN NEXT;
END
$$;

-- Swap a refresh token for its successor, once. One that comes again has been stolen from somebody: the whole session
-- ends, whoever holds its newest token. Outcomes: fresh, unknown, ended, reused.
CREATE FUNCTION rotate_refresh_token(
    p_mac bytea, p_client uuid, p_successor bytea, p_seconds integer, p_now timestamptz
) RETURNS TABLE (
    outcome text, session_id uuid, organization_id uuid, user_id uuid, epoch integer, scope text[],
    tenant uuid, user_role text, user_permissions text[], client_role text, client_permissions text[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_token refresh_tokens;
    v_session sessions;
BEGIN
    SELECT s.* INTO v_session FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
    WHERE t.mac = p_mac AND s.client_id = p_client;
    outcome := 'unknown';
    IF v_session.id IS NOT NULL THEN
        PERFORM share_sessions(v_session.tenant_id);
        SELECT * INTO v_session FROM sessions s WHERE s.id = v_session.id FOR NO KEY UPDATE;
        SELECT * INTO v_token FROM refresh_tokens t WHERE t.mac = p_mac;
        SELECT * INTO tenant, user_role, user_permissions, client_role, client_permissions
        FROM rights_of(v_session.organization_id, v_session.user_id, p_client);
        outcome := CASE
            WHEN v_session.id IS NULL OR v_session.ended_at IS NOT NULL OR v_session.expires_at <= now() THEN 'ended'
            WHEN v_token.used_at IS NOT NULL THEN 'reused'
            WHEN tenant IS NULL THEN 'ended'
            ELSE 'fresh'
        END;
    END IF;
    IF outcome = 'reused' THEN
        UPDATE sessions s SET ended_at = now() WHERE s.id = v_session.id;
        INSERT INTO events (id, tenant_id, at, type, subject, subject_id, owner_id, owner_path,
                            principal, organization_id, surface, request_id, data)
        SELECT gen_random_uuid(), o.tenant_id, p_now, 'session.refresh_token_reused', 'session', v_session.id, o.id,
               o.path, 'client:' || p_client, o.id, v_session.surface, '',
               jsonb_build_object('user_id', v_session.user_id, 'client_id', p_client)
        FROM organizations o WHERE o.id = v_session.organization_id;
    ELSIF outcome = 'fresh' THEN
        UPDATE refresh_tokens t SET used_at = p_now, successor = p_successor WHERE t.mac = p_mac;
        INSERT INTO refresh_tokens (mac, session_id, issued_at) VALUES (p_successor, v_session.id, p_now);
        UPDATE sessions s SET expires_at = now() + make_interval(secs => p_seconds) WHERE s.id = v_session.id;
        session_id := v_session.id;
        organization_id := v_session.organization_id;
        user_id := v_session.user_id;
        epoch := v_session.epoch;
        scope := v_session.scope;
    END IF;
    RETURN NEXT;
END
$$;

-- RFC 7009: a client gives back what was issued to it, by session or by refresh token.
CREATE FUNCTION revoke_session(p_session uuid, p_refresh_mac bytea, p_client uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE sessions SET ended_at = now()
    WHERE ended_at IS NULL AND client_id = p_client
        AND (id = p_session OR id = (SELECT t.session_id FROM refresh_tokens t WHERE t.mac = p_refresh_mac))
$$;

-- RFC 7662: a live session, if it belongs to the asking client's organisation or to one below.
CREATE FUNCTION standing_of_session(p_session uuid, p_epoch integer, p_refresh_mac bytea, p_asker uuid) RETURNS TABLE (
    session_id uuid, tenant uuid, organization_id uuid, user_id uuid, client_id uuid, username text, surface text,
    scope text[], created_at timestamptz, expires_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, s.tenant_id, s.organization_id, s.user_id, s.client_id, u.username, s.surface,
           s.scope, s.created_at, s.expires_at
    FROM sessions s
    JOIN organizations o ON o.id = s.organization_id
    JOIN api_clients a ON a.id = p_asker AND a.tenant_id = s.tenant_id
    LEFT JOIN users u ON u.id = s.user_id
    WHERE s.id = coalesce(p_session, (
            SELECT t.session_id FROM refresh_tokens t WHERE t.mac = p_refresh_mac AND t.used_at IS NULL))
        AND (p_epoch IS NULL OR s.epoch = p_epoch) AND s.ended_at IS NULL AND s.expires_at > now()
        AND o.status = 'active' AND o.path >= a.owner_path AND o.path < path_end(a.owner_path)
$$;

-- A person is out everywhere, whatever the tenant: the password was changed, or the person removed. Locks in order.
CREATE FUNCTION end_sessions_of_user(p_user uuid, p_except uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM lock_sessions(t.tenant_id) FROM (
        SELECT DISTINCT m.tenant_id FROM memberships m WHERE m.user_id = p_user ORDER BY m.tenant_id
    ) t WHERE EXISTS (SELECT FROM memberships m WHERE m.user_id = p_user AND m.tenant_id = scope_tenant());
    UPDATE sessions s SET ended_at = now()
    WHERE s.user_id = p_user AND s.ended_at IS NULL AND s.id IS DISTINCT FROM p_except
        AND EXISTS (SELECT FROM memberships m WHERE m.user_id = p_user AND m.tenant_id = scope_tenant());
END
$$;

-- Whether a person belongs to an organisation that the caller does not see: then only that person decides.
CREATE FUNCTION user_belongs_elsewhere(p_user uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM memberships m WHERE m.user_id = p_user AND NOT (
            m.tenant_id = scope_tenant() AND m.owner_path >= scope_path() AND m.owner_path < scope_path_end())
    )
$$;

-- Whether a browser's origin is one that any client allows: a preflight names no client.
CREATE FUNCTION origin_allowed(p_origin text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM api_clients c WHERE c.status = 'active' AND c.origins @> ARRAY[p_origin])
$$;

CREATE FUNCTION live_signing_keys() RETURNS TABLE (
    kid text, algorithm text, sealed bytea, public jsonb, signs boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.kid, k.algorithm, k.sealed, k.public, k.verifies_until IS NULL FROM signing_keys k
    WHERE k.verifies_until IS NULL OR k.verifies_until > now() ORDER BY k.created_at, k.kid
$$;

-- A new signer. Without `p_replace` only if there is none; of several processes that start at once one is first. The
-- one replaced goes on verifying for as long as its newest token may live.
CREATE FUNCTION add_signing_key(
    p_kid text, p_algorithm text, p_sealed bytea, p_public jsonb, p_replace boolean, p_verify_seconds integer
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('signing_keys', 0));
    IF p_replace THEN
        UPDATE signing_keys SET verifies_until = now() + make_interval(secs => p_verify_seconds)
        WHERE algorithm = p_algorithm AND verifies_until IS NULL;
    END IF;
    INSERT INTO signing_keys (kid, algorithm, sealed, public)
    VALUES (p_kid, p_algorithm, p_sealed, p_public) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

-- Forgets what has long expired, a bounded number at a time; for a periodic task.
CREATE FUNCTION sweep_identity(p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_swept integer;
BEGIN
    DELETE FROM sessions WHERE id IN (
        SELECT s.id FROM sessions s WHERE s.expires_at < now() - interval '1 day'
        ORDER BY s.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    DELETE FROM sign_in_failures WHERE key IN (
        SELECT f.key FROM sign_in_failures f WHERE f.last_at < now() - interval '1 day' ORDER BY f.last_at LIMIT p_limit
    );
    DELETE FROM signing_keys WHERE verifies_until < now();
    RETURN v_swept;
END
$$;

DO $$
DECLARE
    item regprocedure;
    inner_only text[] := ARRAY['share_sessions', 'in_standing', 'rights_of'];
BEGIN
    FOR item IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN (
        'lock_sessions', 'share_sessions', 'in_standing', 'rights_of', 'find_client', 'find_login',
        'count_sign_in_failure', 'note_sign_in', 'open_session', 'rotate_refresh_token', 'revoke_session',
        'standing_of_session', 'end_sessions_of_user', 'user_belongs_elsewhere', 'origin_allowed',
        'live_signing_keys', 'add_signing_key', 'sweep_identity'
    ) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item);
        IF NOT split_part(item::text, '(', 1) = ANY (inner_only) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO chandlery_app', item);
        END IF;
    END LOOP;
END
$$;

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
-- Which operators there are, for commands that were not told on whose behalf to work.
CREATE FUNCTION founded_tenants(p_limit integer) RETURNS TABLE (id uuid, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF scope_tenant() IS NOT NULL THEN
        RAISE EXCEPTION 'founded_tenants inside a unit of work';
    END IF;
    RETURN QUERY SELECT t.id, o.name FROM tenants t JOIN organizations o ON o.id = t.id
        ORDER BY t.created_at, t.id LIMIT p_limit;
END
$$;
REVOKE EXECUTE ON FUNCTION found_tenant(uuid, text, text, text, timestamptz, boolean, text), founded_tenants(integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION found_tenant(uuid, text, text, text, timestamptz, boolean, text), founded_tenants(integer)
    TO chandlery_app;

-- The first statement of every unit of work. VOLATILE on purpose: each statement inside sees what was committed while
-- it waited for the lock, so that a waiting twin reads the answer of the first.
CREATE FUNCTION enter_unit(
    p_tenant uuid, p_org uuid, p_session uuid, p_epoch integer, p_system boolean, p_now timestamptz,
    p_operation text, p_key text, p_principal text
) RETURNS TABLE (now timestamptz, path text, fingerprint bytea, answer bytea, features text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT p_now + t.clock_offset, o.path, t.features INTO now, path, features
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

-- A key's waiting job is touched, not merely seen: until this unit commits, no worker can start it, so that it runs on
-- what this unit changed. Sorted by key, so that two units cannot wait for each other.
CREATE FUNCTION defer_jobs(p_tenant uuid, p_jobs jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
    SELECT DISTINCT ON (j.job->>'key', CASE WHEN j.job->>'key' IS NULL THEN j.n END)
        'default', j.job->>'task', 0, j.job->>'lock', j.job->>'key',
        coalesce(j.job->'args', '{}') || jsonb_build_object('tenant_id', p_tenant)
    FROM jsonb_array_elements(p_jobs) WITH ORDINALITY AS j(job, n)
    ORDER BY j.job->>'key', CASE WHEN j.job->>'key' IS NULL THEN j.n END, j.n
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE SET queueing_lock = EXCLUDED.queueing_lock;
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
        WITH fired AS (
            DELETE FROM timers WHERE id IN (
                SELECT d.id FROM tenants t CROSS JOIN LATERAL (
                    SELECT x.id FROM timers x WHERE x.tenant_id = t.id AND x.due <= p_now + t.clock_offset
                    ORDER BY x.due, x.id LIMIT p_limit FOR UPDATE SKIP LOCKED
                ) d LIMIT p_limit
            ) RETURNING *
        )
        SELECT tenant_id, jsonb_agg(to_jsonb(fired) ORDER BY fired.due, fired.id) AS jobs, count(*) AS jobs_count
        FROM fired GROUP BY tenant_id
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
