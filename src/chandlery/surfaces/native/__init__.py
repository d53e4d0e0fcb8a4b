"""Chandlery's own API: everything, in one consistent dialect.

Paths under /v1; see docs/surfaces/native.md.
"""
