"""The script prints what the billing service makes of each token."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "service_tokens.py"


def test_the_token_is_accepted_and_each_other_one_refused_with_its_reason():
    shown = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True, timeout=30)
    assert (shown.stdout.splitlines(), shown.stderr) == (
        [
            "the token             accepted: order-1042 for customer-7, scope charge",
            "with another payload  refused: bad_signature",
            "for another service   refused: wrong_audience",
            "without an order      refused: malformed_claim",
        ],
        "",
    )
