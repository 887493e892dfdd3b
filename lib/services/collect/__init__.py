"""
Collecting cards: setup links, customers, saved payment methods and the customer's return page.

Makes Checkout Sessions and customers at Stripe, attaches and detaches methods; moves no money. Charges
and runs ask it for a customer or a method that is fresh.
"""
