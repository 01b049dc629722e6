"""The tables of work that callers left for later, and of who is told how it ended."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from serving.store.meta import META, NUMBERED

# Work that callers left for later: whose it is, what was asked, how far it is.
JOBS = Table(
    "patron_jobs",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("form", Text),
    Column("asked", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("began_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("total", BigInteger),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("left_out", BigInteger, nullable=False),
    Column("worker", Text),
    Column("lease_us", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("models", Text),
    Column("fault", Text),
    Index("patron_jobs_by_id", "job_id", unique=True),
    Index("patron_jobs_by_owner", "owner", "row"),
    Index("patron_jobs_by_state", "state", "row"),
)

# By which keys jobs were asked for, so that asking again brings no second one.
JOB_KEYS = Table(
    "patron_job_keys",
    META,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

# What was uploaded for a job, in pieces, until the job ends.
JOB_CHUNKS = Table(
    "patron_job_chunks",
    META,
    Column("job_id", Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

# Whom a job is about, and what it told of each: no outcome yet, succeeded or failed.
JOB_CUSTOMERS = Table(
    "patron_job_customers",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("outcome", Text),
    Column("told", Text),
    Index("patron_job_customers_by_outcome", "job_id", "outcome", "row"),
    Index("patron_job_customers_by_customer", "customer_id"),
)

# Tables of the shop that a job may name.
SOURCES = Table(
    "patron_sources",
    META,
    Column("name", Text, primary_key=True),
    Column("tables", Text, nullable=False),
    Column("preset", Text),
    Column("made_us", BigInteger, nullable=False),
)

# Who is told that a job ended; what is signed needs the secret itself.
WEBHOOKS = Table(
    "patron_webhooks",
    META,
    Column("webhook_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text),
    Column("old_secret", Text),
    Column("old_until_us", BigInteger),
    Column("state", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

# What they are told, until they have it.
DELIVERIES = Table(
    "patron_deliveries",
    META,
    Column("row", NUMBERED, primary_key=True),
    Column("webhook_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fault", Text),
    Index("patron_deliveries_by_state", "state", "due_us"),
)
