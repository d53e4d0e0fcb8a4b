-- People at the gate: browsers, second factors, authorization codes, personal tokens, organisations' OpenID providers.

ALTER TABLE api_clients ADD COLUMN redirect_uris text[] NOT NULL DEFAULT '{}';  -- where codes may be sent, exactly

-- An OpenID provider by which the people of an organisation, and of those below it, may sign in.
CREATE TABLE identity_providers (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    issuer          text NOT NULL,
    client_id       text NOT NULL,
    sealed_secret   bytea,   -- encrypted under the master key; NULL: a public client, PKCE alone
    role            text,    -- what newcomers become; neither this nor role_id: nobody new gets in
    role_id         uuid REFERENCES roles ON DELETE SET NULL,
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK (role IS NULL OR role_id IS NULL)
);
CREATE INDEX identity_providers_of_organization ON identity_providers (tenant_id, organization_id, created_at, id);
CREATE INDEX identity_providers_role ON identity_providers (role_id) WHERE role_id IS NOT NULL;
ALTER TABLE identity_providers ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON identity_providers USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT (id, tenant_id, organization_id, owner_path, name, issuer, client_id, role, role_id, is_active,
    created_at, version), INSERT, UPDATE, DELETE ON identity_providers TO chandlery_app;

-- For whose addresses a provider speaks: of each domain one provider of a tenant.
CREATE TABLE identity_provider_domains (
    tenant_id   uuid NOT NULL,
    domain      text NOT NULL CHECK (domain = lower(domain)),
    provider_id uuid NOT NULL REFERENCES identity_providers ON DELETE CASCADE,
    CONSTRAINT identity_provider_domains_taken PRIMARY KEY (tenant_id, domain)
);
CREATE INDEX identity_provider_domains_of_provider ON identity_provider_domains (provider_id);
ALTER TABLE identity_provider_domains ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON identity_provider_domains USING (
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM identity_providers p WHERE p.id = provider_id)
);
GRANT SELECT, INSERT, DELETE ON identity_provider_domains TO chandlery_app;

-- By which name a provider knows a person. No policy and no grant: functions only.
CREATE TABLE federated_identities (
    provider_id uuid NOT NULL REFERENCES identity_providers ON DELETE CASCADE,
    subject     text NOT NULL,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL REFERENCES users,
    PRIMARY KEY (provider_id, subject)
);
CREATE INDEX federated_identities_of_user ON federated_identities (user_id);
ALTER TABLE federated_identities ENABLE ROW LEVEL SECURITY;

-- Somebody who has signed in with a browser: what the cookie stands for. `provider_id`: an organisation's provider said
-- who they are, and that is good within that organisation's subtree alone. People are global, so is this; functions only.
CREATE TABLE browser_sessions (
    mac         bytea PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users,
    provider_id uuid REFERENCES identity_providers ON DELETE CASCADE,
    is_pending  boolean NOT NULL,  -- the password was right, the second factor is still to come
    expires_at  timestamptz NOT NULL
);
CREATE INDEX browser_sessions_of_user ON browser_sessions (user_id);
CREATE INDEX browser_sessions_age ON browser_sessions (expires_at);
ALTER TABLE browser_sessions ENABLE ROW LEVEL SECURITY;

-- A person's authenticator app (RFC 6238), its secret sealed, and codes for the day it is lost. Functions only.
CREATE TABLE second_factors (
    user_id      uuid PRIMARY KEY REFERENCES users,
    sealed       bytea NOT NULL,
    is_confirmed boolean NOT NULL DEFAULT false,
    last_step    bigint NOT NULL DEFAULT 0  -- of the last code accepted: none is accepted twice
);
ALTER TABLE second_factors ENABLE ROW LEVEL SECURITY;
CREATE TABLE recovery_codes (
    mac     bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES second_factors ON DELETE CASCADE
);
CREATE INDEX recovery_codes_of_user ON recovery_codes (user_id);
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;

-- RFC 6749 4.1 with RFC 7636. Kept after use until they expire: one that comes twice ends the session. Functions only.
CREATE TABLE authorization_codes (
    mac             bytea PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    client_id       uuid NOT NULL REFERENCES api_clients,
    user_id         uuid NOT NULL REFERENCES users,
    organization_id uuid NOT NULL REFERENCES organizations,
    redirect_uri    text NOT NULL,
    challenge       text NOT NULL,
    scope           text[],
    session_id      uuid,  -- what it was redeemed for
    expires_at      timestamptz NOT NULL
);
CREATE INDEX authorization_codes_of_user ON authorization_codes (user_id);
CREATE INDEX authorization_codes_age ON authorization_codes (expires_at);
ALTER TABLE authorization_codes ENABLE ROW LEVEL SECURITY;

-- Tokens that people make for their own programs: each stands on a session of its own and dies with it.
CREATE TABLE personal_tokens (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL REFERENCES users,
    session_id      uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    surface         text NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    mac             bytea NOT NULL CONSTRAINT personal_tokens_mac_key UNIQUE,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX personal_tokens_of_user ON personal_tokens (tenant_id, user_id, created_at, id);
CREATE INDEX personal_tokens_of_session ON personal_tokens (session_id);
ALTER TABLE personal_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON personal_tokens USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT (id, tenant_id, organization_id, owner_path, user_id, session_id, surface, name, created_at, expires_at),
    DELETE ON personal_tokens TO chandlery_app;

-- What it takes to recognise a client: now also its name and where codes may be sent.
DROP FUNCTION find_client(uuid);
CREATE FUNCTION find_client(p_id uuid) RETURNS TABLE (
    id uuid, organization_id uuid, surface text, grants text[], is_public boolean, access_seconds integer,
    refresh_seconds integer, tenant uuid, role text, permissions text[], macs bytea[], name text, redirect_uris text[]
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.id, c.organization_id, c.surface, c.grants, c.is_public, c.access_seconds, c.refresh_seconds,
           c.tenant_id, c.role, r.permissions,
           ARRAY(SELECT s.mac FROM client_secrets s
                 WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > now())),
           c.name, c.redirect_uris
    FROM api_clients c LEFT JOIN roles r ON r.id = c.role_id
    WHERE c.id = p_id AND c.status = 'active' AND in_standing(c.tenant_id, c.owner_path)
$$;

-- What it takes to recognise a person: now also whether a second factor is to come.
DROP FUNCTION find_login(text, uuid, uuid);
CREATE FUNCTION find_login(p_login text, p_user uuid, p_client uuid) RETURNS TABLE (
    key text, user_id uuid, password_hash text, failures integer, locked_until timestamptz, organizations uuid[],
    second_factor boolean
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT u.id, u.password_hash INTO user_id, password_hash FROM users u
    WHERE u.status = 'active' AND CASE WHEN p_user IS NULL
        THEN lower(u.email) = lower(p_login) OR lower(u.username) = lower(p_login) ELSE u.id = p_user END;
    key := coalesce('user ' || user_id, 'name ' || encode(sha256(convert_to(lower(p_login), 'UTF8')), 'hex'));
    SELECT f.failures, f.locked_until INTO failures, locked_until FROM sign_in_failures f WHERE f.key = find_login.key;
    second_factor := EXISTS (SELECT FROM second_factors s WHERE s.user_id = find_login.user_id AND s.is_confirmed);
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

-- A browser session begins, if the person is still there and the password that was checked a moment ago still theirs.
-- `p_instead` is the pending one that it follows, which must still be there.
CREATE FUNCTION open_browser_session(
    p_mac bytea, p_user uuid, p_proof text, p_provider uuid, p_pending boolean, p_instead bytea,
    p_now timestamptz, p_expires timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM users u WHERE u.id = p_user AND u.status = 'active'
        AND (p_proof IS NULL OR u.password_hash = p_proof) FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_instead IS NOT NULL THEN
        DELETE FROM browser_sessions b
        WHERE b.mac = p_instead AND b.user_id = p_user AND b.is_pending AND b.expires_at > p_now;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END IF;
    INSERT INTO browser_sessions (mac, user_id, provider_id, is_pending, expires_at)
    VALUES (p_mac, p_user, p_provider, p_pending, p_expires);
    RETURN true;
END
$$;

CREATE FUNCTION find_browser_session(p_mac bytea, p_now timestamptz) RETURNS TABLE (
    user_id uuid, email text, name text, is_pending boolean, provider_id uuid
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.email, u.name, b.is_pending, b.provider_id
    FROM browser_sessions b JOIN users u ON u.id = b.user_id AND u.status = 'active'
    LEFT JOIN identity_providers p ON p.id = b.provider_id
    WHERE b.mac = p_mac AND b.expires_at > p_now AND (b.provider_id IS NULL OR p.is_active)
$$;

CREATE FUNCTION end_browser_session(p_mac bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM browser_sessions WHERE mac = p_mac
$$;

-- The organisations for which a person may act through a client, the client's own first; signed in through an
-- organisation's provider, only in that organisation's subtree.
CREATE FUNCTION places_of_user(p_user uuid, p_client uuid, p_provider uuid) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.name
    FROM memberships m
    JOIN users u ON u.id = m.user_id AND u.status = 'active'
    JOIN organizations o ON o.id = m.organization_id
    JOIN api_clients c ON c.id = p_client AND c.status = 'active' AND c.tenant_id = m.tenant_id
        AND m.owner_path >= c.owner_path AND m.owner_path < path_end(c.owner_path)
    LEFT JOIN identity_providers p ON p.id = p_provider AND p.is_active
    WHERE m.user_id = p_user AND in_standing(m.tenant_id, m.owner_path)
        AND (p_provider IS NULL OR (p.tenant_id = m.tenant_id
             AND m.owner_path >= p.owner_path AND m.owner_path < path_end(p.owner_path)))
    ORDER BY o.id = c.organization_id DESC, m.created_at, m.id LIMIT 100
$$;

CREATE FUNCTION find_second_factor(p_user uuid) RETURNS TABLE (
    sealed bytea, is_confirmed boolean, last_step bigint, locked_until timestamptz, codes_left bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT f.sealed, f.is_confirmed, f.last_step,
           (SELECT s.locked_until FROM sign_in_failures s WHERE s.key = 'second ' || p_user),
           (SELECT count(*) FROM recovery_codes r WHERE r.user_id = p_user)
    FROM second_factors f WHERE f.user_id = p_user
$$;

-- A new secret, in place of one that was never confirmed.
CREATE FUNCTION put_second_factor(p_user uuid, p_sealed bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO second_factors AS f (user_id, sealed) VALUES (p_user, p_sealed)
    ON CONFLICT (user_id) DO UPDATE SET sealed = p_sealed, last_step = 0 WHERE NOT f.is_confirmed;
    RETURN FOUND;
END
$$;

CREATE FUNCTION confirm_second_factor(p_user uuid, p_sealed bytea, p_step bigint, p_macs bytea[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE second_factors SET is_confirmed = true, last_step = p_step
    WHERE user_id = p_user AND sealed = p_sealed AND NOT is_confirmed;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO recovery_codes (mac, user_id) SELECT unnest(p_macs), p_user;
    RETURN true;
END
$$;

-- Accepts a code (by its time step, or by the MAC of a recovery code) once, and forgets the failures.
CREATE FUNCTION use_second_factor(p_user uuid, p_step bigint, p_mac bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_step IS NOT NULL THEN
        UPDATE second_factors SET last_step = p_step WHERE user_id = p_user AND is_confirmed AND last_step < p_step;
    ELSE
        DELETE FROM recovery_codes WHERE user_id = p_user AND mac = p_mac;
    END IF;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM sign_in_failures WHERE key = 'second ' || p_user;
    RETURN true;
END
$$;

CREATE FUNCTION remove_second_factor(p_user uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM second_factors WHERE user_id = p_user;
    RETURN FOUND;
END
$$;

-- A code for what a person has agreed to in their browser, if they may act there through this client.
CREATE FUNCTION add_authorization_code(
    p_mac bytea, p_browser bytea, p_client uuid, p_org uuid, p_redirect_uri text, p_challenge text, p_scope text[],
    p_now timestamptz, p_expires timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO authorization_codes
        (mac, tenant_id, client_id, user_id, organization_id, redirect_uri, challenge, scope, expires_at)
    SELECT p_mac, o.tenant_id, p_client, b.user_id, o.id, p_redirect_uri, p_challenge, p_scope, p_expires
    FROM find_browser_session(p_browser, p_now) b
    CROSS JOIN LATERAL places_of_user(b.user_id, p_client, b.provider_id) place
    JOIN organizations o ON o.id = place.id
    WHERE o.id = p_org AND NOT b.is_pending;
    RETURN FOUND;
END
$$;

-- A code for a session, once, by the client that it was given to, with the secret that only the asker has (PKCE). A code
-- that comes again has been stolen from somebody: what it was redeemed for ends.
CREATE FUNCTION redeem_authorization_code(
    p_mac bytea, p_client uuid, p_redirect_uri text, p_challenge text, p_session uuid, p_surface text,
    p_seconds integer, p_refresh_mac bytea, p_now timestamptz
) RETURNS TABLE (
    organization_id uuid, user_id uuid, scope text[],
    tenant uuid, user_role text, user_permissions text[], client_role text, client_permissions text[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_code authorization_codes;
BEGIN
    PERFORM share_sessions(c.tenant_id) FROM authorization_codes c WHERE c.mac = p_mac;
    SELECT * INTO v_code FROM authorization_codes c WHERE c.mac = p_mac AND c.client_id = p_client FOR UPDATE;
    IF v_code.session_id IS NOT NULL THEN
        UPDATE sessions s SET ended_at = now() WHERE s.id = v_code.session_id AND s.ended_at IS NULL;
        INSERT INTO events (id, tenant_id, at, type, subject, subject_id, owner_id, owner_path,
                            principal, organization_id, surface, request_id, data)
        SELECT gen_random_uuid(), o.tenant_id, p_now, 'session.authorization_code_reused', 'session', v_code.session_id,
               o.id, o.path, 'client:' || p_client, o.id, p_surface, '',
               jsonb_build_object('user_id', v_code.user_id, 'client_id', p_client)
        FROM organizations o WHERE o.id = v_code.organization_id;
        RETURN;
    END IF;
    -- Taken, whatever else is wrong with it: it was shown, so it is spent.
    UPDATE authorization_codes c SET session_id = p_session WHERE c.mac = v_code.mac;
    IF v_code.expires_at > p_now AND v_code.redirect_uri = coalesce(p_redirect_uri, v_code.redirect_uri)
        AND v_code.challenge = p_challenge THEN
        SELECT s.* INTO tenant, user_role, user_permissions, client_role, client_permissions FROM open_session(
            p_session, v_code.organization_id, v_code.user_id, p_client, p_surface, v_code.scope, p_seconds, NULL,
            p_refresh_mac, p_now) s;
        IF tenant IS NOT NULL THEN
            organization_id := v_code.organization_id;
            user_id := v_code.user_id;
            scope := v_code.scope;
            RETURN NEXT;
        END IF;
    END IF;
END
$$;

-- A personal token and its session, for the person who acts, if what they act by has not ended meanwhile.
CREATE FUNCTION add_personal_token(
    p_id uuid, p_session uuid, p_by_session uuid, p_user uuid, p_surface text, p_scope text[], p_name text, p_mac bytea,
    p_now timestamptz, p_expires timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM share_sessions(scope_tenant());
    INSERT INTO sessions (id, tenant_id, organization_id, user_id, surface, scope, expires_at)
    SELECT p_session, r.tenant, scope_org(), p_user, p_surface, p_scope, p_expires
    FROM rights_of(scope_org(), p_user, NULL) r
    WHERE r.tenant = scope_tenant()
        AND EXISTS (SELECT FROM sessions s WHERE s.id = p_by_session AND s.ended_at IS NULL);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO personal_tokens (id, tenant_id, organization_id, owner_path, user_id, session_id, surface, name, mac,
                                 created_at, expires_at)
    VALUES (p_id, scope_tenant(), scope_org(), scope_path(), p_user, p_session, p_surface, p_name, p_mac,
            p_now, p_expires);
    RETURN true;
END
$$;

CREATE FUNCTION find_personal_token(p_mac bytea, p_surface text) RETURNS TABLE (
    session_id uuid, epoch integer, organization_id uuid, user_id uuid, scope text[],
    tenant uuid, user_role text, user_permissions text[], client_role text, client_permissions text[]
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.id, s.epoch, s.organization_id, s.user_id, s.scope, r.*
    FROM personal_tokens t JOIN sessions s ON s.id = t.session_id
    CROSS JOIN LATERAL rights_of(s.organization_id, s.user_id, NULL) r
    WHERE t.mac = p_mac AND t.surface = p_surface AND s.ended_at IS NULL AND s.expires_at > now()
$$;

-- An organisation's provider, by its id or by the domain of an address; where several tenants have one for that domain,
-- the client through which somebody comes decides.
CREATE FUNCTION find_identity_provider(p_id uuid, p_domain text, p_client uuid) RETURNS TABLE (
    id uuid, tenant uuid, organization_id uuid, name text, issuer text, client_id text, sealed_secret bytea,
    role text, role_id uuid
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.tenant_id, p.organization_id, p.name, p.issuer, p.client_id, p.sealed_secret, p.role, p.role_id
    FROM identity_providers p
    WHERE p.is_active AND in_standing(p.tenant_id, p.owner_path) AND p.id = coalesce(p_id, (
        SELECT d.provider_id FROM identity_provider_domains d
        WHERE d.domain = p_domain AND (p_client IS NULL OR d.tenant_id = (
            SELECT c.tenant_id FROM api_clients c WHERE c.id = p_client))
        GROUP BY d.provider_id HAVING p_client IS NOT NULL OR (
            SELECT count(*) FROM identity_provider_domains e WHERE e.domain = p_domain) = 1))
$$;

-- Whom a provider means. By the name it gave before; else by a verified address of a domain that it speaks for, if that
-- person belongs to the organisation or to one below it. Nobody of that address: a newcomer, where those are let in.
-- Outcomes: known, newcomer, stranger.
CREATE FUNCTION find_federated_user(p_provider uuid, p_subject text, p_email text) RETURNS TABLE (
    outcome text, user_id uuid
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_provider identity_providers;
BEGIN
    SELECT * INTO v_provider FROM identity_providers p WHERE p.id = p_provider AND p.is_active;
    SELECT u.id INTO user_id FROM federated_identities f JOIN users u ON u.id = f.user_id AND u.status = 'active'
    WHERE f.provider_id = v_provider.id AND f.subject = p_subject;
    outcome := 'known';
    IF user_id IS NULL THEN
        outcome := 'stranger';
        IF EXISTS (SELECT FROM identity_provider_domains d WHERE d.provider_id = v_provider.id
                   AND d.domain = lower(split_part(p_email, '@', 2))) THEN
            SELECT u.id INTO user_id FROM users u WHERE lower(u.email) = lower(p_email) AND u.status = 'active';
            IF user_id IS NULL AND (v_provider.role IS NOT NULL OR v_provider.role_id IS NOT NULL) THEN
                outcome := 'newcomer';
            ELSIF EXISTS (
                SELECT FROM memberships m WHERE m.user_id = find_federated_user.user_id
                    AND m.tenant_id = v_provider.tenant_id AND m.owner_path >= v_provider.owner_path
                    AND m.owner_path < path_end(v_provider.owner_path)) THEN
                outcome := 'known';
                PERFORM link_federated_identity(p_provider, p_subject, user_id);
            END IF;
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION link_federated_identity(p_provider uuid, p_subject text, p_user uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO federated_identities (provider_id, subject, tenant_id, user_id)
    SELECT p.id, p_subject, p.tenant_id, p_user FROM identity_providers p WHERE p.id = p_provider
    ON CONFLICT (provider_id, subject) DO UPDATE SET user_id = p_user
$$;

-- Another issuer, other names: and who signed in by the old one is out.
CREATE FUNCTION forget_federated_identities(p_provider uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM federated_identities WHERE provider_id = p_provider AND tenant_id = scope_tenant();
    DELETE FROM browser_sessions b USING identity_providers p
    WHERE p.id = b.provider_id AND p.id = p_provider AND p.tenant_id = scope_tenant();
$$;

-- A person is out everywhere: sessions of every tenant, browsers, codes, and letters with which one could come back.
CREATE OR REPLACE FUNCTION end_sessions_of_user(p_user uuid, p_except uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = p_user AND m.tenant_id = scope_tenant()) THEN
        RETURN;
    END IF;
    PERFORM lock_sessions(t.tenant_id) FROM (
        SELECT DISTINCT m.tenant_id FROM memberships m WHERE m.user_id = p_user ORDER BY m.tenant_id
    ) t;
    PERFORM FROM users u WHERE u.id = p_user FOR UPDATE;  -- who opens a browser session waits, and sees the new password
    UPDATE sessions s SET ended_at = now()
    WHERE s.user_id = p_user AND s.ended_at IS NULL AND s.id IS DISTINCT FROM p_except;
    DELETE FROM browser_sessions b WHERE b.user_id = p_user;
    DELETE FROM authorization_codes c WHERE c.user_id = p_user;
    DELETE FROM password_resets r WHERE r.user_id = p_user;
END
$$;

-- Forgets what nobody can use any more, a bounded number at a time.
CREATE FUNCTION sweep_sign_in(p_now timestamptz, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_swept integer;
    v_count integer;
BEGIN
    DELETE FROM browser_sessions WHERE mac IN (
        SELECT b.mac FROM browser_sessions b WHERE b.expires_at < p_now ORDER BY b.expires_at LIMIT p_limit);
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    DELETE FROM authorization_codes WHERE mac IN (
        SELECT c.mac FROM authorization_codes c WHERE c.expires_at < p_now - interval '1 day'
        ORDER BY c.expires_at LIMIT p_limit);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_swept := greatest(v_swept, v_count);
    DELETE FROM password_resets WHERE mac IN (
        SELECT r.mac FROM password_resets r WHERE r.expires_at < p_now - interval '1 hour'
        ORDER BY r.expires_at LIMIT p_limit);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN greatest(v_swept, v_count);
END
$$;

DO $$
DECLARE
    item regprocedure;
BEGIN
    FOR item IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN (
        'find_client', 'find_login', 'open_browser_session', 'find_browser_session', 'end_browser_session',
        'places_of_user', 'find_second_factor', 'put_second_factor', 'confirm_second_factor', 'use_second_factor',
        'remove_second_factor', 'add_authorization_code', 'redeem_authorization_code', 'add_personal_token',
        'find_personal_token', 'find_identity_provider', 'find_federated_user', 'link_federated_identity', 'forget_federated_identities',
        'end_sessions_of_user', 'sweep_sign_in'
    ) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO chandlery_app', item);
    END LOOP;
END
$$;
