"""The dialects in which the outside world may speak to us.

A surface decodes, performs and encodes; it holds no rule of business. `http` is the edge they share.
"""
