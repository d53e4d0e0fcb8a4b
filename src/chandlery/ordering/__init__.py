"""What someone has asked to buy, from first draft to last line delivered.

Orders, lines, their state machines and their history.
"""
