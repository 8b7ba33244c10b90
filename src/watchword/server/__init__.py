"""The ready-made server behind ``watchword serve``."""
