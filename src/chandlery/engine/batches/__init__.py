"""Many requests in one call, carried out one after the other, each a unit of work of its own.

    batch.py     the nouns: Batch, Operation and its Answer
    keeping.py   storing one to be carried out by a job, and looking at how far it is
    carrying.py  the job's side: the next few, and what came of them; what is left alone, what is old

Each operation goes the road of any other request, as the one who asked, under an idempotency key: a worker that dies
between carrying one out and writing that down does it again, and nothing happens a second time.
"""
