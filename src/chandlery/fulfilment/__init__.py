"""How a promise is made real at a provider.

The provider port, its implementations, and the attempts made for each order line.

    port            what a provider can be asked, and the five ways in which it answers
    provisioning    the noun: one line's way through a provider, and what each answer makes of it
    retries         how long to wait before trying or asking again, and when to stop
    providers       which providers there are, and how one is called: never without a time-out
    setup           the noun: a provider as an operator has set it up; `setting_up` holds the verbs
    circuit         a fuse that leaves a provider alone for a while when calls go wrong in a row
    turnstile       who may call a provider of limited patience now, and when the others come back; `turns` in a unit
    attempts        verbs: begin, send again, take an answer; `queries` reads
    callbacks       a provider's signed answer, later
    http            a vendor over HTTP, in a small protocol of our own
    manual          a person who does it
    sandbox         a vendor in miniature, with books of its own and faults on demand
    conformance     named checks that every provider has to keep to; `simulator` is a vendor over HTTP to try things on
"""
