"""All SQL: migrations, named queries, and the typed functions that run them."""
