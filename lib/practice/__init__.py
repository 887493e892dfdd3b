"""Practice Stripe: a stateful double of the part of Stripe that Onfile uses."""
