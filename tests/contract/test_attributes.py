"""A shop names further attributes of its customers: which names will do, and what check counts."""

from datetime import UTC, datetime

import pytest

from contract.check import check
from contract.columns import MOST_ATTRIBUTES, TABLES
from contract.errors import TablesError
from contract.norms import Norms
from contract.tables import Layout, find_columns, list_columns, read_layout
from features.engines import read_tables

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAYOUT = Layout(attributes={"region": "text", "household_size": "number"})
LINE = {"customer_id": "c", "order_id": "A", "ordered_at": "2025-01-01", "amount": "1"}


def read(folder, text):
    (folder / "tables.toml").write_text(text, "utf-8")
    return read_layout(folder / "tables.toml")


def test_a_toml_names_attributes_with_their_kind_and_maps_them(tmp_path):
    layout = read(
        tmp_path,
        '[attributes]\nregion = "text"\nhousehold_size = "number"\n'
        '[columns.customers]\nregion = "Sales Region"\n',
    )
    assert layout.attributes == {"region": "text", "household_size": "number"}
    found = ["customer_id", "Sales Region", "household_size", "e_mail"]
    assert find_columns("customers", found, layout) == {
        "customer_id": "customer_id",
        "region": "Sales Region",
        "household_size": "household_size",
    }


def test_attributes_are_columns_of_customers_only():
    own = [(c.name, c.kind) for c in list_columns("customers", LAYOUT)][-2:]
    assert own == [("region", "text"), ("household_size", "number")]
    for name in TABLES.keys() - {"customers"}:
        assert list_columns(name, LAYOUT) == TABLES[name].columns
    assert find_columns("products", ["product_id"], LAYOUT) == {"product_id": "product_id"}


def test_an_unknown_kind_is_told(tmp_path):
    with pytest.raises(TablesError) as refused:
        read(tmp_path, '[attributes]\nregion = "category"\n')
    assert str(refused.value) == (
        f"{tmp_path / 'tables.toml'} cannot be read: attributes.region: input should be 'text' or"
        " 'number'. It may hold preset, files, columns, timezone, non_goods, attributes."
    )


def test_an_attribute_that_the_table_lacks_is_told_with_the_columns_there_are():
    with pytest.raises(TablesError) as refused:
        find_columns("customers", ["customer_id", "area", "household_size"], LAYOUT)
    assert str(refused.value) == (
        "customers has no column 'region'; it has customer_id, area, household_size. "
        'Map it: columns.customers.region = "area"'
    )


def test_attributes_without_a_table_of_customers_are_refused(engine, tables):
    with pytest.raises(TablesError) as refused:
        read_tables(tables(LAYOUT, transactions=[LINE]), engine)
    assert str(refused.value) == (
        "There is no table customers to have region, household_size. "
        "Add it, or remove the layout's attributes."
    )


@pytest.mark.parametrize("name", sorted({c.name for t in TABLES.values() for c in t.columns}))
def test_an_attribute_may_not_be_named_as_a_column_of_ours(tmp_path, name):
    told = rf"^The layout has an attribute '{name}', which is a column of ours\. Use small letters"
    with pytest.raises(TablesError, match=told):
        read(tmp_path, f'[attributes]\n{name} = "text"\n')


@pytest.mark.parametrize("name", ["", "Region", "1st", "a b", "größe", "x_us", "x_text", "a" * 64])
def test_an_attribute_has_a_plain_name(name):
    with pytest.raises(TablesError) as refused:
        Layout(attributes={name: "text"})
    assert f"has an attribute {name!r}, which is no name for one." in str(refused.value)
    assert str(refused.value).endswith(f'map it: columns.customers.household_size = "{name}"')


def test_there_are_a_hundred_attributes_at_most():
    named = {f"a{n}": "text" for n in range(MOST_ATTRIBUTES + 1)}
    assert len(Layout(attributes={n: named[n] for n in list(named)[1:]}).attributes) == 100
    with pytest.raises(ValueError, match="at most 100 items"):
        Layout(attributes=named)


def test_check_counts_what_is_undated_unreadable_and_too_large(engine, tables):
    rows = [
        {"region": "north", "household_size": "3", "valid_from": ""},
        {"region": "", "household_size": "many", "valid_from": "2025-01-01"},
        {"region": "south", "household_size": "2e9", "valid_from": "2025-01-01"},
        {"region": "south", "household_size": "-2e9", "valid_from": "2025-01-01"},
        {"region": "", "household_size": "", "valid_from": ""},
    ]
    listed = [{"customer_id": f"c{n}", **row} for n, row in enumerate(rows)]
    given = tables(LAYOUT, transactions=[LINE], customers=listed)
    frames = read_tables(given, engine, keep_text=True)
    checked = check(frames, given.layout, NOW, lambda step: None)
    told = {
        f"{f.column} {f.rule}": (f.severity, f.rows, f.example)
        for f in checked.findings
        if f.table == "customers"
    }
    assert told == {
        "region undated": ("warning", 1, "north"),
        "household_size undated": ("warning", 1, "3"),
        "household_size unreadable": ("error", 1, "many"),
        "household_size beyond_a_billion": ("warning", 2, "-2e9"),
    }


def test_what_is_not_named_is_not_read(engine, tables):
    listed = [{"customer_id": "c", "region": "north", "household_size": "3", "e_mail": "c@d.ef"}]
    given = tables(LAYOUT, transactions=[LINE], customers=listed)
    read_columns = read_tables(given, engine)["customers"].collect_schema().names()
    assert read_columns[-2:] == ["region", "household_size"]
    assert "e_mail" not in read_columns


def test_norms_of_models_that_know_no_attributes_are_read():
    norms = Norms.model_validate_json('{"as_of": "2026-01-01T00:00:00Z"}')
    assert norms.attributes == {}
    own = norms.model_copy(update={"attributes": {"region": "text"}})
    assert Norms.model_validate_json(own.model_dump_json()) == own
