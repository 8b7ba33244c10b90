"""A hasher that costs nothing, and is not the preferred hasher of the tests."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OutdatedHasher(PBKDF2PasswordHasher):
    algorithm = "outdated"
    iterations = 1
