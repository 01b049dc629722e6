"""From snapshots to a registered bundle."""
