"""The algorithms: a table with a row per algorithm, and the functions that the rows use."""
