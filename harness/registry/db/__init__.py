"""The registry's database: tables, migrations, transactions, reading. Nothing else says SQL."""
