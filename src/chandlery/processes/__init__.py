"""Stories that outlive a request and cross several rooms.

One story per file; `triggers.py` is the one table that says which event starts which story.
"""
