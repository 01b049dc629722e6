"""Layouts of shops whose data is public, by name."""

from typing import Any

# What these two shops book as order lines though no goods change hands, read off their own codes.
_ONLINE_RETAIL_FEES = [
    "POST",
    "DOT",
    "M",
    "m",
    "C2",
    "C3",
    "D",
    "S",
    "B",
    "ADJUST",
    "ADJUST2",
    "AMAZONFEE",
    "CRUK",
    "PADS",
    "TEST001",
    "TEST002",
    "GIFT",
]

PRESETS: dict[str, dict[str, Any]] = {
    "online_retail_ii": {
        "timezone": "Europe/London",
        "non_goods": (*_ONLINE_RETAIL_FEES, "BANK CHARGES"),
    },
    "completejourney": {
        "columns": {"transactions": {"discount": "retail_disc"}},
        "timezone": "UTC",
    },
}
