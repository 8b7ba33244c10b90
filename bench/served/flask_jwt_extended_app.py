"""Flask-JWT-Extended, set up to check issuer and audience too. It knows of no ended sessions."""

import flask
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required

import specimen

app = flask.Flask(__name__)
app.config.update(
    JWT_SECRET_KEY=specimen.SECRET,
    JWT_DECODE_ISSUER=specimen.ISSUER,
    JWT_DECODE_AUDIENCE=specimen.AUDIENCE,
)
JWTManager(app)


@app.get("/protected")
@jwt_required()
def protected() -> dict[str, str]:
    return {"message": f"Hello, {get_jwt_identity()}!"}
