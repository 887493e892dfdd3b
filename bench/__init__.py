"""Measurements. They print tables and judge nothing."""
