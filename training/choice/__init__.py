"""Targets of kind choice: which categories a customer buys, all ranked by one model."""
