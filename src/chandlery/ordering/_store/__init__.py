"""The only SQL of this room: orders one at a time, and lists of them."""
