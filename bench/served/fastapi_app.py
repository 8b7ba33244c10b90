"""FastAPI and PyJWT, put together as FastAPI's documentation has it, with issuer and audience checked too."""

from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import specimen

app = FastAPI()
bearer = HTTPBearer()


async def find_subject(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    try:
        claims = jwt.decode(
            credentials.credentials,
            specimen.SECRET,
            algorithms=["HS256"],
            issuer=specimen.ISSUER,
            audience=specimen.AUDIENCE,
        )
    except jwt.InvalidTokenError:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from None
    return str(claims["sub"])


@app.get("/protected")
async def protected(subject: Annotated[str, Depends(find_subject)]) -> dict[str, str]:
    return {"message": f"Hello, {subject}!"}
