"""The letters that the server writes: invitation, password reset, order confirmation, approval wanted, renewal ahead.

matters.py     what each letter must be told
composing.py   from a matter and a letterhead to a Letter, and into the queue
templates/     <matter>.<language>.txt: the subject on the first line, then the text
"""
