"""The SQL store: SQLAlchemy Core over SQLite or PostgreSQL."""
