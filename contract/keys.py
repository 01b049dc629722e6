"""Rules that hold between rows: keys that are unique, ids that match, one currency."""

from collections.abc import Mapping

import narwhals.stable.v2 as nw

from contract.columns import TABLES
from contract.findings import Finding, count_rows, fill, take_one


def check_keys(frames: Mapping[str, nw.LazyFrame]) -> list[Finding]:
    """Return what is wrong with ids, repeats and currencies of the typed tables."""
    lines = frames["transactions"].filter(~nw.col("order_id").is_null())
    own = [c.typed_name for c in TABLES["transactions"].columns]
    owners = lines.group_by("order_id").agg(n=nw.col("customer_id").n_unique())
    return [
        *_find_repeats(lines, own, Finding(
            "warning", "transactions", "*", "exact_duplicate", 0, "",
            "Kept: without a line id a second piece looks the same. Remove them if none is real.")),
        *_find_repeats(frames["customers"], ["customer_id", "valid_from_us"], Finding(
            "warning", "customers", "customer_id", "listed_twice", 0, "",
            "The earliest `since` counts. Keep one row per customer, or give valid_from.")),
        *_find_repeats(frames["products"], ["product_id"], Finding(
            "warning", "products", "product_id", "listed_twice", 0, "",
            "Keep one row per product.")),
        *count_rows(owners.filter(nw.col("n") > 1), "order_id", Finding(
            "warning", "transactions", "order_id", "order_of_many_customers", 0, "",
            "Counted as one order for each. Make order ids unique.")),
        *_check_spelling(lines),
        *_check_currency(lines),
        *_check_products(frames),
    ]  # fmt: skip


def _find_repeats(frame: nw.LazyFrame, key: list[str], finding: Finding) -> list[Finding]:
    again = frame.group_by(key).agg(n=nw.len()).filter(nw.col("n") > 1)
    found = take_one(again.select(rows=(nw.col("n") - 1).sum(), example=nw.col(key[0]).min()))
    return [fill(finding, found)] if found["rows"] else []


def _check_spelling(lines: nw.LazyFrame) -> list[Finding]:
    names = lines.group_by("customer_id").agg(n=nw.len())
    plain = names.with_columns(
        plain=nw.col("customer_id").str.strip_chars().str.to_lowercase()
    ).filter(~nw.col("plain").is_null())
    variants = plain.group_by("plain").agg(n=nw.len()).filter(nw.col("n") > 1)
    return count_rows(variants, "plain", Finding(
        "warning", "transactions", "customer_id", "spelled_in_two_ways", 0, "",
        "Ids that differ by case or blanks are different customers. Make them equal."))  # fmt: skip


def _check_currency(lines: nw.LazyFrame) -> list[Finding]:
    kinds = lines.filter(~nw.col("currency").is_null()).group_by("currency").agg(n=nw.len())
    found = take_one(kinds.select(rows=nw.len(), example=nw.col("currency").max()))
    finding = Finding("error", "transactions", "currency", "many_currencies", 0, "",
                      "Convert amounts to one currency; sums of several mean nothing.")  # fmt: skip
    return [fill(finding, found)] if found["rows"] > 1 else []


def _check_products(frames: Mapping[str, nw.LazyFrame]) -> list[Finding]:
    known = frames["products"].select("product_id")
    if not take_one(known.select(n=nw.len()))["n"]:
        return []
    sold = frames["transactions"].filter(~nw.col("product_id").is_null())
    return count_rows(sold.join(known, on="product_id", how="anti"), "product_id", Finding(
        "info", "transactions", "product_id", "not_in_products", 0, "",
        "Its category stays unknown. Add it to products."))  # fmt: skip
