"""The SQL of this room, a module per noun: statements as values, private to the room."""
