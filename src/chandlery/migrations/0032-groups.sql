-- Groups of people within an organisation, for rules that name a group; and what is held on a person.

CREATE TABLE user_groups (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    organization_id uuid NOT NULL REFERENCES organizations,
    owner_path      text COLLATE "C" NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    description     text NOT NULL,
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT user_groups_place UNIQUE (id, organization_id)
);
CREATE UNIQUE INDEX user_groups_name_key ON user_groups (organization_id, lower(name));
CREATE INDEX user_groups_of_organization ON user_groups (tenant_id, organization_id, created_at, id);
ALTER TABLE user_groups ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON user_groups USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON user_groups TO chandlery_app;

-- Members of a group are members of its organisation, and leave both at once.
CREATE TABLE group_members (
    group_id        uuid NOT NULL,
    tenant_id       uuid NOT NULL,
    organization_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    added_at        timestamptz NOT NULL,
    PRIMARY KEY (group_id, user_id),
    FOREIGN KEY (group_id, organization_id) REFERENCES user_groups (id, organization_id) ON DELETE CASCADE,
    CONSTRAINT group_members_belong FOREIGN KEY (user_id, organization_id)
        REFERENCES memberships (user_id, organization_id) ON DELETE CASCADE
);
CREATE INDEX group_members_of_group ON group_members (tenant_id, group_id, added_at, user_id);
CREATE INDEX group_members_of_user ON group_members (user_id, organization_id);
ALTER TABLE group_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON group_members USING (
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM user_groups g WHERE g.id = group_id)
);
GRANT SELECT, INSERT, DELETE ON group_members TO chandlery_app;

-- Somebody whose data the caller may be asked about: a member in sight, or one who was removed from there.
CREATE FUNCTION person_in_reach(p_user uuid) RETURNS TABLE (
    id uuid, email text, username text, name text, status text, created_at timestamptz, second_factor boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.email, u.username, u.name, u.status, u.created_at,
           EXISTS (SELECT FROM second_factors f WHERE f.user_id = u.id AND f.is_confirmed)
    FROM users u
    WHERE u.id = p_user AND (
        EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id AND m.tenant_id = scope_tenant()
                AND m.owner_path >= scope_path() AND m.owner_path < scope_path_end())
        OR (u.status = 'removed' AND EXISTS (
            SELECT FROM events e WHERE e.tenant_id = scope_tenant() AND e.subject_id = u.id AND e.type = 'user.removed'
                AND e.owner_path >= scope_path() AND e.owner_path < scope_path_end())))
$$;

-- Everything that is held on a person in the caller's subtree. Lists hold one more than `p_limit` when there is more.
CREATE FUNCTION held_on_person(p_user uuid, p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH person AS (SELECT * FROM person_in_reach(p_user)), seen AS (
        SELECT o.id, o.name FROM organizations o WHERE o.tenant_id = scope_tenant()
            AND o.path >= scope_path() AND o.path < scope_path_end()
    )
    SELECT jsonb_build_object(
        'user', to_jsonb(person),
        'memberships', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT m.id, m.organization_id, seen.name AS organization, coalesce(m.role, r.name) AS role, m.created_at
            FROM memberships m JOIN seen ON seen.id = m.organization_id LEFT JOIN roles r ON r.id = m.role_id
            WHERE m.user_id = p_user ORDER BY m.id LIMIT p_limit + 1) x),
        'groups', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT g.id, g.organization_id, g.name, gm.added_at FROM group_members gm JOIN user_groups g ON g.id = gm.group_id
            JOIN seen ON seen.id = g.organization_id WHERE gm.user_id = p_user ORDER BY g.id LIMIT p_limit + 1) x),
        'sessions', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT s.id, s.organization_id, s.client_id, s.surface, s.created_at, s.expires_at, s.ended_at
            FROM sessions s JOIN seen ON seen.id = s.organization_id
            WHERE s.user_id = p_user ORDER BY s.id DESC LIMIT p_limit + 1) x),
        'personal_tokens', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT t.id, t.organization_id, t.surface, t.name, t.created_at, t.expires_at
            FROM personal_tokens t JOIN seen ON seen.id = t.organization_id
            WHERE t.user_id = p_user ORDER BY t.id DESC LIMIT p_limit + 1) x),
        'sign_in_providers', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT f.provider_id, p.name, f.subject
            FROM federated_identities f JOIN identity_providers p ON p.id = f.provider_id
            JOIN seen ON seen.id = p.organization_id
            WHERE f.user_id = p_user ORDER BY f.provider_id LIMIT p_limit + 1) x),
        'invitations', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT i.id, i.organization_id, i.email, i.name, i.status, i.created_at
            FROM invitations i JOIN seen ON seen.id = i.organization_id
            WHERE i.user_id = p_user OR lower(i.email) = lower(person.email) ORDER BY i.id DESC LIMIT p_limit + 1) x),
        'contacts', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT c.id, c.organization_id, c.roles, c.person, c.attributes, c.created_at
            FROM contacts c JOIN seen ON seen.id = c.organization_id
            WHERE c.tenant_id = scope_tenant() AND c.user_id = p_user ORDER BY c.id LIMIT p_limit + 1) x),
        'letters', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT l.id, l.owner_id AS organization_id, l.recipient, l.subject, l.language, l.state, l.created_at
            FROM letters l JOIN seen ON seen.id = l.owner_id
            WHERE l.tenant_id = scope_tenant() AND lower(l.recipient) = lower(person.email)
            ORDER BY l.id DESC LIMIT p_limit + 1) x),
        'events', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (
            SELECT e.id, e.at, e.type, e.subject_id, e.owner_id AS organization_id, e.surface, e.data
            FROM events e JOIN seen ON seen.id = e.owner_id
            WHERE e.tenant_id = scope_tenant() AND e.principal = 'user:' || p_user AND e.principal LIKE 'user:%'
            ORDER BY e.id DESC LIMIT p_limit + 1) x)
    ) FROM person
$$;

-- The person goes, the books stay: rows that name them by id keep the id, and the id names nobody any more. Letters and
-- contacts of the tenant are let go of wherever in it they are; what other tenants wrote down is theirs to answer for.
CREATE FUNCTION erase_person(p_user uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_email text;
BEGIN
    SELECT p.email INTO v_email FROM person_in_reach(p_user) p;
    IF v_email IS NULL OR user_belongs_elsewhere(p_user) THEN
        RAISE EXCEPTION 'erase_person beyond reach';
    END IF;
    UPDATE letters SET recipient = 'erased@erased.invalid', subject = 'erased', body = '', html = NULL, reason = NULL,
        state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END
    WHERE tenant_id = scope_tenant() AND lower(recipient) = lower(v_email);
    DELETE FROM contacts WHERE tenant_id = scope_tenant() AND user_id = p_user;
    DELETE FROM invitations WHERE tenant_id = scope_tenant() AND (user_id = p_user OR lower(email) = lower(v_email));
    UPDATE invitations SET email = 'erased@erased.invalid', name = '' WHERE user_id = p_user;
    DELETE FROM federated_identities WHERE user_id = p_user;
    DELETE FROM second_factors WHERE user_id = p_user;
    DELETE FROM personal_tokens WHERE user_id = p_user;
    DELETE FROM sign_in_failures WHERE key IN ('user ' || p_user, 'second ' || p_user);
    DELETE FROM memberships WHERE user_id = p_user;
    UPDATE users SET email = p_user || '@erased.invalid', username = p_user, name = 'Erased', password_hash = NULL,
        status = 'removed', version = version + 1 WHERE id = p_user;
END
$$;

REVOKE EXECUTE ON FUNCTION person_in_reach(uuid), held_on_person(uuid, integer), erase_person(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION held_on_person(uuid, integer), erase_person(uuid) TO chandlery_app;

-- What a person did, for those who ask what is held on them. Machines write most events and are not in it.
CREATE INDEX events_of_person ON events (tenant_id, principal, id) WHERE principal LIKE 'user:%';
CREATE INDEX letters_of_reader ON letters (tenant_id, lower(recipient));
CREATE INDEX contacts_of_user ON contacts (tenant_id, user_id) WHERE user_id IS NOT NULL;
