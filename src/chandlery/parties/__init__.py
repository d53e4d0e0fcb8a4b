"""Whom we trade with: addresses, contacts, relations.

Facts about an organisation that a document or a parcel needs.
"""
