"""Receipts: what stands behind each answer, kept so that it can be told again and compared."""
