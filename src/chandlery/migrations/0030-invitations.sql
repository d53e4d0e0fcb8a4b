-- People who are asked to join, and people who forgot their password: both show a token that came in a letter. Tokens are
-- stored as HMAC-SHA-256, used once, and expire on wall time: a moved sandbox clock opens and closes nothing.

CREATE TABLE invitations (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    email           text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name            text NOT NULL,
    language        text NOT NULL,
    role            text,
    role_id         uuid REFERENCES roles ON DELETE CASCADE,  -- to a role that is gone nobody is invited
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'accepted', 'revoked')),
    mac             bytea NOT NULL CONSTRAINT invitations_mac_key UNIQUE,
    user_id         uuid REFERENCES users,  -- who accepted
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK ((role IS NULL) <> (role_id IS NULL))
);
CREATE UNIQUE INDEX invitations_open_key ON invitations (organization_id, lower(email)) WHERE status = 'open';
CREATE INDEX invitations_of_organization ON invitations (tenant_id, organization_id, created_at, id);
CREATE INDEX invitations_to_role ON invitations (role_id) WHERE role_id IS NOT NULL;
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON invitations USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT (id, tenant_id, organization_id, owner_path, email, name, language, role, role_id, status, user_id,
    created_at, expires_at, version), INSERT, UPDATE (mac, status, user_id, expires_at, version)
    ON invitations TO chandlery_app;

-- What an invitation is about, for whoever holds its token. `user_id` is the person who has that address already.
CREATE FUNCTION find_invitation(p_mac bytea, p_now timestamptz) RETURNS TABLE (
    id uuid, tenant uuid, organization_id uuid, organization text, email text, name text, user_id uuid
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.id, i.tenant_id, i.organization_id, o.name, i.email, i.name,
           (SELECT u.id FROM users u WHERE lower(u.email) = lower(i.email) AND u.status = 'active')
    FROM invitations i JOIN organizations o ON o.id = i.organization_id
    WHERE i.mac = p_mac AND i.status = 'open' AND i.expires_at > p_now AND in_standing(o.tenant_id, o.path)
$$;

-- Takes it, once: whoever comes second waits for the first and finds nothing.
CREATE FUNCTION take_invitation(p_mac bytea, p_now timestamptz) RETURNS TABLE (
    id uuid, organization_id uuid, email text, role text, role_id uuid
) LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE invitations i SET status = 'accepted', version = i.version + 1
    WHERE i.mac = p_mac AND i.status = 'open' AND i.expires_at > p_now AND i.tenant_id = scope_tenant()
    RETURNING i.id, i.organization_id, i.email, i.role, i.role_id
$$;

-- No policy and no grant: functions only.
CREATE TABLE password_resets (
    mac        bytea PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,  -- in whose name the letter went out
    user_id    uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_resets_of_user ON password_resets (user_id, created_at);
CREATE INDEX password_resets_age ON password_resets (expires_at);
ALTER TABLE password_resets ENABLE ROW LEVEL SECURITY;

-- Who asks for a new password, and which organisation writes to them. Nobody, after three letters within an hour.
CREATE FUNCTION find_forgetful(p_email text, p_now timestamptz) RETURNS TABLE (
    user_id uuid, tenant uuid, organization_id uuid, email text, name text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, m.tenant_id, m.organization_id, u.email, u.name
    FROM users u JOIN memberships m ON m.user_id = u.id
    WHERE lower(u.email) = lower(p_email) AND u.status = 'active' AND in_standing(m.tenant_id, m.owner_path)
        AND (SELECT count(*) FROM password_resets r
             WHERE r.user_id = u.id AND r.created_at > p_now - interval '1 hour') < 3
    ORDER BY m.created_at, m.id LIMIT 1
$$;

CREATE FUNCTION note_password_reset(p_mac bytea, p_user uuid, p_now timestamptz, p_expires timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO password_resets (mac, tenant_id, user_id, created_at, expires_at)
    SELECT p_mac, scope_tenant(), p_user, p_now, p_expires WHERE scope_is_system()
$$;

CREATE FUNCTION find_password_reset(p_mac bytea, p_now timestamptz) RETURNS TABLE (
    user_id uuid, tenant uuid, email text, username text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, r.tenant_id, u.email, u.username FROM password_resets r JOIN users u ON u.id = r.user_id
    WHERE r.mac = p_mac AND r.expires_at > p_now AND u.status = 'active'
$$;

CREATE FUNCTION take_password_reset(p_mac bytea, p_now timestamptz) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM password_resets WHERE mac = p_mac AND expires_at > p_now AND tenant_id = scope_tenant()
    RETURNING user_id
$$;

REVOKE EXECUTE ON FUNCTION find_invitation(bytea, timestamptz), take_invitation(bytea, timestamptz),
    find_forgetful(text, timestamptz), note_password_reset(bytea, uuid, timestamptz, timestamptz),
    find_password_reset(bytea, timestamptz), take_password_reset(bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_invitation(bytea, timestamptz), take_invitation(bytea, timestamptz),
    find_forgetful(text, timestamptz), note_password_reset(bytea, uuid, timestamptz, timestamptz),
    find_password_reset(bytea, timestamptz), take_password_reset(bytea, timestamptz) TO chandlery_app;
