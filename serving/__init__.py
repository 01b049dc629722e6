"""From the registry to the CRM."""
