"""Where the rows of a batch go: files, SQL tables, DuckDB, the store."""
