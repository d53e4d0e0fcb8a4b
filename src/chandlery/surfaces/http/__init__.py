"""The edge that all surfaces share.

Route tables, strict decoding, problem details, paging, OpenAPI. No word of business.

    route      what a surface is made of: Route, Surface, Dialect, House, Reply
    call       one call as its handler sees it; idempotency keys
    edge       the ASGI app: paths, CORS, who asks, rates, answers, the access log
    streaming  answers sent piece by piece
    head       the head of a request and the credentials in it
    decoding   bodies and query strings to typed values; `problems` names every field that will not do
    errors     what the edge refuses, and which fault is which status
    limits     rates per caller
    openapi    the OpenAPI document; `reference` renders it
    urls       absolute URLs
"""
