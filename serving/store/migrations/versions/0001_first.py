"""The first tables of the store."""

from alembic import op

from serving.store.schema import META

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    META.create_all(op.get_bind())


def downgrade() -> None:
    """Drop every table."""
    META.drop_all(op.get_bind())
