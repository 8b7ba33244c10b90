"""Other issuers' keys: key sets, fetching, discovery, freshness."""
