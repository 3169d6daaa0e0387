//! Migrations of an SQLite database.
