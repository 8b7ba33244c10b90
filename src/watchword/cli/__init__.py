"""The ``watchword`` command."""
