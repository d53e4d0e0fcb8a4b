"""A vendor in miniature: a foreign system with books of its own, which fails on demand.

It stands behind the same port as a real one. Its rows live in a schema of their own, are written on connections of
their own and committed at once, so that they stay when our transaction rolls back, as a real vendor's would. It does
not notice when the same request comes twice: its ledger then shows two entries, and that is how tests find out.

    vendor      the provider
    faults      how to make it fail
    callbacks   how it calls back
"""
