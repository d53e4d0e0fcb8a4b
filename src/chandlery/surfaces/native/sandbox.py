"""The sandbox vendor: making it fail on purpose, and looking into its books. Where it is not set up, all of this is 404."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from chandlery.fulfilment.sandbox.faults import Behaviour, Fault, clear_faults, set_fault
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.wiring import sandbox
