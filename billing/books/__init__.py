"""The books: what was earned, what is owed, what VAT was charged, what went through the tills.

`figures` computes tables; page, PDF and CSV (`faces`) only show them.
"""
