"""The only SQL of this room: subscriptions and assets."""
