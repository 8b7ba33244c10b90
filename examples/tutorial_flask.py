"""The classic JWT tutorial, done right: POST /login, GET /protected, a user table in SQLite, HS256.

export TUTORIAL_SECRET=$(python3 -c "import secrets; print(secrets.token_urlsafe(32))")
flask --app tutorial_flask watchword account add alice
flask --app tutorial_flask run
"""

import os

from flask import Flask

from watchword import Key
from watchword.web.flask import Watchword

app = Flask(__name__)
app.config.update(
    WATCHWORD_DATABASE_URL="sqlite:///tutorial.db",
    WATCHWORD_ISSUER="https://login.example",
    WATCHWORD_AUDIENCE="https://api.example",
    WATCHWORD_ACCESS_LIFETIME=600,  # seconds
    WATCHWORD_PREFIX="",  # the endpoints are /login, /refresh, /logout, ...
)
auth = Watchword(app, keys=Key.from_secret(os.environ["TUTORIAL_SECRET"], alg="HS256"))


@app.get("/protected")
@auth.protect()
def protected() -> dict[str, str]:
    return {"message": f"Hello, {auth.identity.username}!"}
