"""How a promise is made real at a provider.

The provider port, its implementations, and the attempts made for each order line.
"""
