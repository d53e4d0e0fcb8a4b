"""Vendors' price sheets: how each format is read into rows of one shape.

A format is data: its columns, what each may hold, and how a row becomes a `StagedRow`.
"""
