"""The ports in SQLite and PostgreSQL, by SQLAlchemy Core."""
