"""The tables of the store. Names begin with patron_, so that it may share a shop's database."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from serving.store.job_schema import DELIVERIES as DELIVERIES
from serving.store.job_schema import JOB_CHUNKS as JOB_CHUNKS
from serving.store.job_schema import JOB_CUSTOMERS as JOB_CUSTOMERS
from serving.store.job_schema import JOB_KEYS as JOB_KEYS
from serving.store.job_schema import JOBS as JOBS
from serving.store.job_schema import SOURCES as SOURCES
from serving.store.job_schema import WEBHOOKS as WEBHOOKS
from serving.store.meta import META as META
from serving.store.meta import NUMBERED as NUMBERED

# A row that a load brought has no told_id; one that a caller told is known by it.
TRANSACTIONS = Table(
    "patron_transactions",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("told_id", Text),
    Column("customer_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("amount", Double, nullable=False),
    Column("product_id", Text),
    Column("quantity", Double),
    Column("unit_price", Double),
    Column("discount", Double),
    Column("channel", Text),
    Column("currency", Text),
    Index("patron_transactions_by_customer", "customer_id", "at_us"),
    Index("patron_transactions_by_told_id", "told_id", unique=True),
)

INTERACTIONS = Table(
    "patron_interactions",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("told_id", Text),
    Column("customer_id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text),
    Column("amount", Double),
    Column("initiated_by", Text),
    Index("patron_interactions_by_customer", "customer_id", "at_us"),
    Index("patron_interactions_by_told_id", "told_id", unique=True),
)

# What is said of customers; attributes are JSON, by name.
CUSTOMERS = Table(
    "patron_customers",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("since_us", BigInteger),
    Column("valid_from_us", BigInteger),
    Column("country", Text),
    Column("kind", Text),
    Column("attributes", Text),
    Index("patron_customers_by_customer", "customer_id"),
)

# The last answer on each customer: `whole` as POST /v1/scores tells it, `short` as GET does.
ANSWERS = Table(
    "patron_answers",
    META,
    Column("customer_id", Text, primary_key=True),
    Column("as_of_us", BigInteger, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("whole", Text, nullable=False),
    Column("short", Text, nullable=False),
    Column("etag", Text, nullable=False),
)

# When a caller last told something of a customer: answers made before then are out of date.
CHANGES = Table(
    "patron_changes",
    META,
    Column("customer_id", Text, primary_key=True),
    Column("changed_us", BigInteger, nullable=False),
)

# What was computed for one answer, so that it can be told again to the last bit; what the answers
# by the same models have in common is in a form.
RECEIPTS = Table(
    "patron_receipts",
    META,
    Column("receipt", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("as_of_us", BigInteger, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("rows_sha256", Text, nullable=False),
    Column("features", LargeBinary, nullable=False),
    Column("rows", LargeBinary, nullable=False),
    Column("answer", Text, nullable=False),
    Index("patron_receipts_by_customer", "customer_id"),
    Index("patron_receipts_by_age", "made_us"),
)

# Models, the features they read in their order, and a digest of the dictionary, as JSON.
FORMS = Table(
    "patron_receipt_forms",
    META,
    Column("form", Text, primary_key=True),
    Column("told", Text, nullable=False),
)

# API keys: of the secret only a hash is kept.
KEYS = Table(
    "patron_keys",
    META,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("per_second", Integer),
)

# What webhooks brought, as it came, until it is read; `digest` tells a repeated one.
INBOX = Table(
    "patron_inbox",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("source", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("came_us", BigInteger, nullable=False),
    Column("read_us", BigInteger),
    Column("rows", Integer),
    Column("fault", Text),
    Index("patron_inbox_by_digest", "digest", unique=True),
    Index("patron_inbox_unread", "read_us", "row"),
)

# Where webhooks come from, and the hash of the secret in their address.
HOOKS = Table(
    "patron_hooks",
    META,
    Column("source", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("secret", Text),
    Column("made_us", BigInteger, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
)

# Whose data was erased and when, by a keyed hash: a later load must not bring them back.
ERASED = Table(
    "patron_erased",
    META,
    Column("customer_hash", Text, primary_key=True),
    Column("erased_us", BigInteger, nullable=False),
)

# One row per name: facts of the store itself, such as the last load.
FACTS = Table(
    "patron_facts",
    META,
    Column("name", Text, primary_key=True),
    Column("told", Text, nullable=False),
)
