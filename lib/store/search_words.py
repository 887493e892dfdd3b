"""Words and tokens by which a row is found, and the indexes that have them."""

from __future__ import annotations

_WORDS_OF_CHARGES = """h.reference, h.reference_key, c.name, c.email, c.address_key, m.brand, m.last4,
            h.description, h.id, h.customer"""
_BESIDE_CHARGES = """LEFT JOIN customers c ON c.id = h.customer
        LEFT JOIN payment_methods m ON m.id = h.payment_method"""
# Each yields (position, token, token, part, part …).
PARTS = {
    "customers": """SELECT position, NULL, NULL, name, email, address_key, id FROM customers
        WHERE position IN ({}) AND is_deleted = 0""",
    "checkout_sessions": """SELECT s.position, s.status,
            iif(s.needs_customer, 'needs_customer', NULL),
            c.name, s.customer_name, m.billing_name, c.email, c.address_key, s.customer_email,
            s.reference,
            s.client_reference_id, m.last4, s.id, coalesce(s.customer, m.customer),
            s.setup_intent, m.id
        FROM checkout_sessions s
        LEFT JOIN setup_intents i ON i.id = s.setup_intent
        LEFT JOIN payment_methods m ON m.id = i.payment_method
        LEFT JOIN customers c ON c.id = coalesce(s.customer, m.customer)
        WHERE s.position IN ({})""",
    "payment_methods": """SELECT m.position, NULL, NULL, c.name, m.billing_name, c.email,
            c.address_key,
            m.billing_email, m.brand, m.last4, m.id, coalesce(m.customer, m.last_customer)
        FROM payment_methods m
        LEFT JOIN customers c ON c.id = coalesce(m.customer, m.last_customer)
        WHERE m.position IN ({})""",
    "charges": f"""SELECT h.position, NULL, NULL, {_WORDS_OF_CHARGES}
        FROM charges h {_BESIDE_CHARGES} WHERE h.position IN ({{}})""",
    "listed_charges": f"""SELECT h.position, iif(x.failure, 'failure', NULL),
            iif(x.given_back, 'given_back', NULL), {_WORDS_OF_CHARGES}
        FROM (SELECT g.position,
                EXISTS (SELECT 1 FROM open_failures o WHERE o.charge_id = g.id) AS failure,
                EXISTS (SELECT 1 FROM refund_lines l WHERE l.charge_id = g.id)
                    OR EXISTS (SELECT 1 FROM attempts a JOIN disputes d USING (payment_intent)
                        WHERE a.charge_id = g.id) AS given_back
            FROM charges g WHERE g.position IN ({{}})) x
        CROSS JOIN charges h ON h.position = x.position {_BESIDE_CHARGES}
        WHERE x.failure OR x.given_back""",
    "setup_links": """SELECT l.position, NULL, NULL, l.reference, l.reference_key, c.name, l.name,
            c.email, c.address_key, l.email, l.id, l.customer
        FROM setup_links l LEFT JOIN customers c ON c.id = l.customer
        WHERE l.position IN ({})""",
    "refunds": """SELECT f.position, NULL, NULL, h.reference, h.reference_key, c.name, c.email,
            c.address_key, f.id, f.refund, h.id, h.customer
        FROM refunds f
        JOIN charges h ON h.id = f.charge_id
        LEFT JOIN customers c ON c.id = h.customer
        WHERE f.position IN ({})""",
    "runs": """SELECT r.position, NULL, NULL, r.name, r.file_name, r.id
        FROM runs r WHERE r.position IN ({})""",
}

# Of a kind's rows, those that stand in a list which is short beside that of all.
SECOND_INDEX = {"charges": ("listed_charges",)}
