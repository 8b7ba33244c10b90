"""Two services that share a secret: one issues tokens for its requests, the other one verifies them.

python3 service_tokens.py
"""

import secrets

from watchword import Claims, Issuer, Key, Verifier, WatchwordError

ORDERS = "https://orders.example"
BILLING = "https://billing.example"


class ChargeClaims(Claims, frozen=True):
    """What the orders service tells the billing service with each request."""

    order: str
    scope: str = ""


# In life, both services read one secret from their configuration; here, both live in this file.
key = Key.from_secret(secrets.token_bytes(32), alg="HS256")

# The orders service. A token for one request does not have to live long.
issuer = Issuer(ORDERS, key, audience=BILLING, lifetime=60)

# The billing service.
verifier = Verifier(key, issuer=ORDERS, audience=BILLING, claims=ChargeClaims)


def receive(token: str) -> str:
    """What the billing service answers."""
    try:
        claims = verifier.verify(token)
    except WatchwordError as error:
        return f"refused: {error.code}"
    return f"accepted: {claims.order} for {claims.sub}, scope {claims.scope}"


if __name__ == "__main__":
    charge = ChargeClaims(order="order-1042", scope="charge")
    token = issuer.issue("customer-7", charge)
    header, payload, signature = token.split(".")
    deliveries = {
        "the token": token,
        "with another payload": f"{header}.{payload[::-1]}.{signature}",
        "for another service": issuer.issue("customer-7", charge, audience="https://mail.example"),
        "without an order": issuer.issue("customer-7", {"scope": "charge"}),
    }
    for what, delivered in deliveries.items():
        print(f"{what:20}  {receive(delivered)}")  # noqa: T201 - showing it is what this script is for
