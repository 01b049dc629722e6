"""The first tables of the store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "patron_answers",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Text(), nullable=False),
        sa.Column("short", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id"),
    )
    op.create_table(
        "patron_changes",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id"),
    )
    op.create_table(
        "patron_customers",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=True),
        sa.Column("valid_from_us", sa.BigInteger(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index(
        "patron_customers_by_customer", "patron_customers", ["customer_id"], unique=False
    )
    op.create_table(
        "patron_erased",
        sa.Column("customer_hash", sa.Text(), nullable=False),
        sa.Column("erased_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_hash"),
    )
    op.create_table(
        "patron_facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "patron_hooks",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "patron_inbox",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("came_us", sa.BigInteger(), nullable=False),
        sa.Column("read_us", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("patron_inbox_by_digest", "patron_inbox", ["digest"], unique=True)
    op.create_index("patron_inbox_unread", "patron_inbox", ["read_us", "row"], unique=False)
    op.create_table(
        "patron_interactions",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("told_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("amount", sa.Double(), nullable=True),
        sa.Column("initiated_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index(
        "patron_interactions_by_customer",
        "patron_interactions",
        ["customer_id", "at_us"],
        unique=False,
    )
    op.create_index(
        "patron_interactions_by_told_id", "patron_interactions", ["told_id"], unique=True
    )
    op.create_table(
        "patron_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.Column("per_second", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "patron_receipt_forms",
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("form"),
    )
    op.create_table(
        "patron_receipts",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("rows_sha256", sa.Text(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("receipt"),
    )
    op.create_index("patron_receipts_by_age", "patron_receipts", ["made_us"], unique=False)
    op.create_index("patron_receipts_by_customer", "patron_receipts", ["customer_id"], unique=False)
    op.create_table(
        "patron_transactions",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("told_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Double(), nullable=True),
        sa.Column("unit_price", sa.Double(), nullable=True),
        sa.Column("discount", sa.Double(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index(
        "patron_transactions_by_customer",
        "patron_transactions",
        ["customer_id", "at_us"],
        unique=False,
    )
    op.create_index(
        "patron_transactions_by_told_id", "patron_transactions", ["told_id"], unique=True
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_index("patron_transactions_by_told_id", table_name="patron_transactions")
    op.drop_index("patron_transactions_by_customer", table_name="patron_transactions")
    op.drop_table("patron_transactions")
    op.drop_index("patron_receipts_by_customer", table_name="patron_receipts")
    op.drop_index("patron_receipts_by_age", table_name="patron_receipts")
    op.drop_table("patron_receipts")
    op.drop_table("patron_receipt_forms")
    op.drop_table("patron_keys")
    op.drop_index("patron_interactions_by_told_id", table_name="patron_interactions")
    op.drop_index("patron_interactions_by_customer", table_name="patron_interactions")
    op.drop_table("patron_interactions")
    op.drop_index("patron_inbox_unread", table_name="patron_inbox")
    op.drop_index("patron_inbox_by_digest", table_name="patron_inbox")
    op.drop_table("patron_inbox")
    op.drop_table("patron_hooks")
    op.drop_table("patron_facts")
    op.drop_table("patron_erased")
    op.drop_index("patron_customers_by_customer", table_name="patron_customers")
    op.drop_table("patron_customers")
    op.drop_table("patron_changes")
    op.drop_table("patron_answers")
