"""The token endpoint and its metadata.

RFC 6749, RFC 8414, RFC 7662, RFC 7009.
"""
