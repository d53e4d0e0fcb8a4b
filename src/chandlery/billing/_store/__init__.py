"""What is owed, and the paper that says so, in the database; row-level security shows an actor what is its own."""
