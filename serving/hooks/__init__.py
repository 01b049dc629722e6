"""Webhooks of CRMs: their addresses, how each form is signed, and which rows its bodies tell."""
