"""Parties in the database; row-level security shows an actor what belongs to its own organisation and those below."""
