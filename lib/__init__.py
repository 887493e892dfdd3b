"""Onfile: collect cards by link, charge them later, and always know what happened."""

__version__ = "0.4.0"
