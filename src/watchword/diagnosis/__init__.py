"""What is wrong with an installation, as records that each front end shows in its own way."""

from watchword.diagnosis.entries import find_bad_entries
from watchword.diagnosis.findings import Finding
from watchword.diagnosis.risks import find_risks

__all__ = ["Finding", "find_bad_entries", "find_risks"]
