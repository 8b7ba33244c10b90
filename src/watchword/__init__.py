"""Watchword: JWT login for Python."""
