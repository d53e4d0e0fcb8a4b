"""Where the house is wired together and opened to the street.

Settings, the ASGI application, mounts, the worker and the operator's commands. The only room that knows all others.
"""
