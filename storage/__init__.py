"""The database: tables, repositories, unit of work and migrations, one code base on SQLite and PostgreSQL."""
