"""The algorithms, one table row each, and the functions behind the rows."""
