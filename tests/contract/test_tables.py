"""Where a shop keeps its tables, under which names, and what is said when they are not found."""

from pathlib import Path

import pytest

from contract.columns import TABLES
from contract.errors import TablesError
from contract.presets import PRESETS
from contract.tables import Layout, SqlTable, find_columns, find_tables, read_layout

REQUIRED = ["customer_id", "order_id", "ordered_at", "amount"]


@pytest.fixture
def shop(tmp_path):
    """A folder with these files, each empty or with its text: shop(transactions_csv="...")."""

    def lay_out(*names, **texts):
        for name in names:
            (tmp_path / name).write_text("", "utf-8")
        for name, text in texts.items():
            (tmp_path / name.replace("_", ".")).write_text(text, "utf-8")
        return tmp_path

    return lay_out


def refusal(where, preset=None):
    with pytest.raises(TablesError) as refused:
        find_tables(str(where), preset)
    return str(refused.value)


def test_tables_are_found_by_name_parquet_before_csv(shop):
    folder = shop("transactions.csv", "customers.csv", "customers.parquet", "notes.txt")
    assert find_tables(str(folder)).sources == {
        "transactions": folder / "transactions.csv",
        "customers": folder / "customers.parquet",
    }


def test_a_toml_names_files_columns_zone_and_non_goods(shop):
    folder = shop(
        "orders.csv",
        tables_toml='files.transactions = "orders.csv"\n'
        'columns.transactions.amount = "total"\n'
        'timezone = "Europe/London"\n'
        'non_goods = ["POST"]\n',
    )
    for where in (folder, folder / "tables.toml"):
        tables = find_tables(str(where))
        assert tables.sources == {"transactions": folder / "orders.csv"}
        assert tables.layout.columns == {"transactions": {"amount": "total"}}
        assert tables.layout.timezone == "Europe/London"
        assert tables.layout.non_goods == ("POST",)


def test_a_sql_url_names_every_table_and_shows_no_password():
    tables = find_tables("postgresql://u:secret@host/shop")
    assert {t: s.name for t, s in tables.sources.items()} == {t: t for t in TABLES}
    assert all(isinstance(s, SqlTable) for s in tables.sources.values())
    assert "secret" not in repr(tables)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_layout_and_a_toml_lies_over_it(shop, preset):
    layout = read_layout(None, preset)
    assert layout.preset == preset
    assert layout.timezone == PRESETS[preset]["timezone"]
    folder = shop("transactions.csv", tables_toml=f'preset = "{preset}"\nnon_goods = ["X"]\n')
    own = find_tables(str(folder)).layout
    assert (own.preset, own.timezone, own.non_goods) == (preset, layout.timezone, ("X",))


def test_the_preset_of_the_online_shop_leaves_out_its_fees():
    layout = read_layout(None, "online_retail_ii")
    assert {"POST", "M", "BANK CHARGES"} <= set(layout.non_goods)
    assert layout.timezone == "Europe/London"


def test_a_missing_column_is_told_with_those_there_are_and_how_to_map_it():
    with pytest.raises(TablesError) as refused:
        found = ["customer_id", "date", "total"]
        layout = Layout(columns={"transactions": {"order_id": "date", "ordered_at": "date"}})
        find_columns("transactions", found, layout)
    assert str(refused.value) == (
        "transactions has no column 'amount'; it has customer_id, date, total. "
        'Map it: columns.transactions.amount = "total"'
    )


def test_a_missing_column_is_told_even_where_all_others_are_ours():
    with pytest.raises(TablesError, match=r'columns\.transactions\.amount = "their_name"$'):
        find_columns("transactions", REQUIRED[:3], Layout())


def test_a_mapped_column_must_be_there_though_it_is_optional():
    layout = Layout(columns={"transactions": {"discount": "rebate"}})
    with pytest.raises(TablesError, match=r"^transactions has no column 'rebate'; it has"):
        find_columns("transactions", REQUIRED, layout)


def test_columns_are_those_of_ours_that_are_there():
    layout = Layout(columns={"transactions": {"amount": "total"}})
    found = [*REQUIRED[:3], "total", "channel", "colour"]
    names = find_columns("transactions", found, layout)
    assert names == {n: n for n in (*REQUIRED[:3], "channel")} | {"amount": "total"}


def test_a_missing_folder_is_told(tmp_path):
    assert refusal(tmp_path / "none") == (
        f"There is no folder or file {tmp_path / 'none'}. Name a folder with "
        "transactions.parquet or .csv, a tables.toml, or a SQL URL."
    )


@pytest.mark.parametrize("names", [("orders.csv", "a.txt"), ()])
def test_a_folder_without_transactions_is_told_with_what_it_has(shop, names):
    folder = shop(*names)
    assert refusal(folder) == (
        f"{folder} has no transactions.parquet or transactions.csv; "
        f"it has {', '.join(sorted(names)) or 'no file'}. Rename the file, or name it in "
        'tables.toml: files.transactions = "orders.csv".'
    )


def test_a_file_that_the_toml_names_and_is_not_there_is_told(shop):
    folder = shop(tables_toml='files.transactions = "orders.csv"')
    assert refusal(folder) == (
        f'tables.toml says files.transactions = "orders.csv", and {folder} has no such file. '
        "Correct the name or remove the line."
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'files.orders = "x.csv"',
            "tables.toml speaks of a table 'orders'. "
            "Tables are: transactions, products, customers, interactions.",
        ),
        (
            'columns.orders.amount = "x"',
            "tables.toml speaks of a table 'orders'. "
            "Tables are: transactions, products, customers, interactions.",
        ),
        (
            'columns.customers.age = "x"',
            "tables.toml maps columns.customers.age, which is not ours. "
            "Columns of customers are: customer_id, since, country, kind, valid_from.",
        ),
        (
            'preset = "corner_shop"',
            "There is no preset 'corner_shop'. Presets are: completejourney, online_retail_ii.",
        ),
    ],
)
def test_unknown_names_in_the_toml_are_told(shop, text, told):
    assert refusal(shop("transactions.csv", tables_toml=text)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('zone = "UTC"', "zone: extra inputs are not permitted"),
        ("timezone = 2", "timezone: input should be a valid string"),
        ('timezone = "Mars/Base"', "timezone: value error, there is no time zone 'mars/base'"),
        ('columns.transactions = "x"', "columns.transactions: input should be a valid dictionary"),
    ],
)
def test_values_of_the_wrong_form_are_told(shop, text, told):
    folder = shop("transactions.csv", tables_toml=text)
    assert refusal(folder) == (
        f"{folder / 'tables.toml'} cannot be read: {told}. "
        "It may hold preset, files, columns, timezone, non_goods, attributes."
    )


def test_a_file_that_is_no_toml_is_told(shop):
    folder = shop("transactions.csv", tables_toml="files = ")
    assert refusal(folder).startswith(f"{folder / 'tables.toml'} is not valid TOML: ")
    (folder / "tables.toml").write_bytes(b"\xff\xfe")
    assert refusal(folder).startswith(f"{folder / 'tables.toml'} is not valid TOML: ")


def test_an_unknown_preset_asked_for_is_told(shop):
    told = "There is no preset 'mine'. Presets are: completejourney, online_retail_ii."
    assert refusal(Path(shop("transactions.csv")), "mine") == told
