"""What is owed, by whom, and the paper that says so.

Charges, invoices, credit and payments.
"""
