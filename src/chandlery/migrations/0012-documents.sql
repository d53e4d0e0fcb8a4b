-- Papers: what was rendered for somebody and what somebody uploaded, with their bytes.

CREATE TABLE documents (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    owner_id   uuid NOT NULL REFERENCES organizations,
    owner_path text COLLATE "C" NOT NULL,
    kind       text NOT NULL,
    subject    text NOT NULL,   -- what it is about: order, invoice, ...
    subject_id uuid NOT NULL,
    filename   text NOT NULL,
    media_type text NOT NULL,
    size_bytes integer NOT NULL,
    sha256     bytea NOT NULL CHECK (length(sha256) = 32),
    created_at timestamptz NOT NULL,
    content    bytea NOT NULL CONSTRAINT documents_size CHECK (length(content) = size_bytes AND size_bytes <= 20971520)
);
ALTER TABLE documents ALTER COLUMN content SET STORAGE EXTERNAL;  -- PDFs and pictures are compressed already
CREATE INDEX documents_of_owner ON documents (tenant_id, owner_id, created_at, id);
CREATE INDEX documents_of_subject ON documents (tenant_id, subject_id, created_at, id);
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON documents USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, DELETE ON documents TO chandlery_app;  -- a document is never changed: a new one is made
