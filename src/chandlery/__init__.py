"""Chandlery: a self-hosted commerce and provisioning server."""
