"""What the bytes of a token mean: claims, who issues them, and whether to believe them."""

from watchword.jwt.claims import Claims
from watchword.jwt.inspection import Inspection, inspect
from watchword.jwt.issuer import Issuer
from watchword.jwt.multi_issuer import MultiIssuer
from watchword.jwt.verifier import Verifier

__all__ = ["Claims", "Inspection", "Issuer", "MultiIssuer", "Verifier", "inspect"]
