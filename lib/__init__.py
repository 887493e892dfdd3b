"""Onfile: collect cards by link, charge them later, and always know what happened."""
