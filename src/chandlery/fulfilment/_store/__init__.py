"""The room's own cupboard: the only place with its statements."""
