"""The edge that all surfaces share.

Route tables, strict decoding, problem details, paging, OpenAPI. No word of business.
"""
