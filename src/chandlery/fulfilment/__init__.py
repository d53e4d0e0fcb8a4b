"""How a promise is made real at a provider.

The provider port, its implementations, and the attempts made for each order line.

    port            what a provider can be asked, and the five ways in which it answers
    provisioning    the noun: one line's way through a provider, and what each answer makes of it
    retries         how long to wait before trying or asking again, and when to stop
    providers       which providers there are, and how one is called: never without a time-out
    attempts        verbs: begin, send again, take an answer; `queries` reads
    callbacks       a provider's signed answer, later
    decisions       what a person may decide about a provisioning that waits for one
    sandbox         a vendor in miniature, with books of its own and faults on demand
"""
