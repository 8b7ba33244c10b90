"""The ports in Redis or Valkey: all but the accounts.

The name of every key begins with ``watchword:``. Each script uses the keys of a single hash slot. Sessions
are spread over sixteen shards, see :mod:`~watchword.stores.redis.session_scripts`. The shard
``watchword:{0}`` also has the signing keys and the settings. Scripts may use the commands of Redis 6.2.
"""
