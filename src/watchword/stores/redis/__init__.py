"""The ports in Redis or Valkey: all but the accounts."""
