import os

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"
    ],
}
SIMPLE_JWT = {
    "ALGORITHM": "ES256",
    "JWK_URL": f"{ISSUER}/.well-known/jwks.json",
    "ISSUER": ISSUER,
    "AUDIENCE": AUDIENCE,
    "TOKEN_TYPE_CLAIM": None,
    "USER_ID_CLAIM": "sub",
}
