"""
Staff: who may sign in and act, what needs a second person, limits, the audit log, the doctor.

Rules about people and about this installation live here. Nothing here moves money or reads a
customer's data at Stripe; only `doctor --sandbox` makes objects there, under a test key. The rooms in
which people act ask it; it asks none.
"""
