"""The budgets, measured: what an order costs here, and what the least is that it could cost.

    __main__      the arguments and the result: one JSON object on standard output, everything else on standard error
    measuring     the rounds: who is measured after whom, and for how long
    budgets       what is allowed, and what was found
    servers       `chandlery serve` on a throw-away data directory, and its processes
    world         a tenant, resellers' clients, customers and a generated price sheet
    load, flow    a small closed-loop HTTP client, and the order flow as it sends it
    floor         the same rows written by pgbench with one statement per request
    bare, tape    the same statements replayed by a handler that does nothing else
    stored        a million orders, loaded as rows
    side          start-up, memory, price sheet import, list pages
    accounting    CPU and memory of processes
    figures       medians, percentiles and spreads

What takes time is compared with something else of the same run, in turns, because the machine is never quiet.
"""
