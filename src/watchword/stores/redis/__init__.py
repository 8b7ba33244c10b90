"""The Redis store: sessions, keys, throttles and one-time keys in Redis or Valkey."""
