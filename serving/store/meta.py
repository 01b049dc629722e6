"""What the tables of the store have in common."""

from sqlalchemy import BigInteger, Integer, MetaData

META = MetaData()

# BigInteger does not number its rows by itself in SQLite, Integer does.
NUMBERED = BigInteger().with_variant(Integer, "sqlite")
