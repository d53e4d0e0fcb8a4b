-- Letters wait here until a mail server has taken them. What was taken loses its text: links in it are secrets.

CREATE TABLE letters (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    owner_id      uuid NOT NULL,
    owner_path    text COLLATE "C" NOT NULL,
    recipient     text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    html          text,
    language      text NOT NULL,
    sender        text NOT NULL,  -- empty: the server's own
    sender_name   text NOT NULL,
    reply_to      text NOT NULL,
    created_at    timestamptz NOT NULL,
    state         text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'failed')),
    attempts      integer NOT NULL DEFAULT 0,
    claimed_until timestamptz,    -- wall time: a moved sandbox clock must not send a letter twice
    reason        text            -- what the mail server said last
);
CREATE INDEX letters_of_owner ON letters (tenant_id, owner_id, created_at, id);
ALTER TABLE letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON letters USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON letters TO chandlery_app;
