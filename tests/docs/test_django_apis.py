"""Every block of the pages about Django's users, DRF and ninja runs in a project, as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django_projects import PASSWORD, DjangoProject

PAGES = ("django_users", "django_rest_framework", "django_ninja")
BLOCKS = {
    page: dict(
        re.findall(
            r"<!-- test: ([\w -]+) -->\n```python\n(.*?)```",
            Path(f"docs/{page}.md").read_text("utf-8"),
            re.DOTALL,
        )
    )
    for page in PAGES
}
PREPARE = f"""
import django.test
from django.contrib.auth.models import Group, User
from watchword.web.django import auth

django.test.utils.setup_test_environment(debug=False)
client = django.test.Client(SERVER_NAME="localhost")
alice = User.objects.get(username="alice")


def log_in(password={PASSWORD!r}):
    return ask("/auth/login", username="alice", password=password)


def bear():
    return {{"Authorization": f"Bearer {{log_in().json()['access_token']}}"}}


def ask(path, headers=None, **body):
    if body:
        return client.post(path, body, content_type="application/json", headers=headers)
    return client.get(path, headers=headers)
"""


class Documented(DjangoProject):
    """The example project, with blocks of a page."""

    def __init__(self, folder: Path, page: str, settings: str = "") -> None:
        super().__init__(folder, settings)
        self._blocks = BLOCKS[page]

    def write(self, file: str, *titles: str, text: str = "") -> None:
        (self.folder / "mysite" / file).write_text(
            "\n".join([*(self._blocks[each] for each in titles), text])
        )

    def run_code(self, code: str) -> None:
        self.manage("shell", "--verbosity", "0", "-c", PREPARE + code)


def test_every_block_is_run_here():
    assert {page: set(blocks) for page, blocks in BLOCKS.items()} == {
        "django_users": {"group names", "further claims", "bulk change", "new password"},
        "django_rest_framework": {"settings", "views", "own format", "two extensions", "a test case"},
        "django_ninja": {"api", "several auths", "own format", "two extensions", "a test case"},
    }


def test_django_users(tmp_path):
    validator = "django.contrib.auth.password_validation.MinimumLengthValidator"
    project = Documented(
        tmp_path,
        "django_users",
        'WATCHWORD["SUBJECT_CLAIMS"] = "mysite.claims.read_tenant"\n'
        f'AUTH_PASSWORD_VALIDATORS = [{{"NAME": "{validator}"}}]',
    )
    project.write("claims.py", "further claims")
    project.write("bulk.py", "bulk change")
    project.write(
        "urls.py",
        "group names",
        "new password",
        text="""
from django.urls import include, path

urlpatterns = [
    path("", include("watchword.web.django.urls")),
    path("reports", reports),
    path("password", set_password),
]
""",
    )
    project.add_alice()
    project.run_code(
        """
from mysite.bulk import deactivate_domain

assert log_in().status_code == 401  # She has no e-mail address, so no tenant.
User.objects.update(email="alice@example.com")
headers = bear()
assert auth.core.authenticate(headers["Authorization"][7:]).claims["tenant"] == "example.com"
assert ask("/reports", headers).status_code == 403
alice.groups.add(Group.objects.create(name="Report readers"))
headers = bear()
assert ask("/reports", headers).status_code == 200
assert ask("/password", headers, password="short").status_code == 422
assert ask("/password", headers, password="another battery staple").status_code == 204
assert ask("/reports", headers).status_code == 401
headers = {"Authorization": f"Bearer {log_in('another battery staple').json()['access_token']}"}
deactivate_domain("example.org")
assert ask("/reports", headers).status_code == 200
deactivate_domain("example.com")
assert ask("/reports", headers).status_code == 401
"""
    )


def test_django_rest_framework(tmp_path):
    settings = BLOCKS["django_rest_framework"]["settings"] + (
        'REST_FRAMEWORK["EXCEPTION_HANDLER"] = "mysite.formats.write_errors"\n'
        'INSTALLED_APPS += ["rest_framework"]\n'
    )
    project = Documented(tmp_path, "django_rest_framework", settings)
    project.write("api.py", "views")
    project.write("formats.py", "own format")
    project.write("tests.py", "a test case")
    project.write(
        "urls.py",
        "two extensions",
        text="""
from django.urls import include, path
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from mysite import api


@api_view()
@authentication_classes([StaffAuthentication])
def orders(request):
    return Response(request.auth.subject)


router = SimpleRouter(trailing_slash=False)
router.register("notes", api.Notes, "notes")
urlpatterns = [
    path("", include("watchword.web.django.urls")),
    path("", staff.urls),
    path("", include(router.urls)),
    path("profile", api.profile),
    path("reports", api.reports),
    path("danger", api.danger),
    path("orders", orders),
]
""",
    )
    project.add_alice()
    assert "no issues" in project.manage("check").stdout
    assert "Ran 2 tests" in project.manage("test").stderr
    project.run_code(
        """
from mysite.urls import staff

headers = bear()
assert ask("/profile", headers).json() == {"name": "alice", "subject": str(alice.pk)}
assert ask("/reports", headers).status_code == 200
assert ask("/danger", headers, really="yes").json() == {"done": True}
assert ask("/notes", headers).json() == []
assert ask("/notes", headers, text="tea").status_code == 403
refused = ask("/profile", {"Authorization": "Bearer x.y.z"})
assert (refused.status_code, refused.json()["code"]) == (401, "malformed_token")
own = {"Authorization": f"Bearer {staff.core.start(str(alice.pk)).access_token}"}
assert [ask("/orders", each).status_code for each in (own, headers)] == [200, 401]
"""
    )


@pytest.mark.parametrize("own_format", [False, True])
def test_django_ninja(tmp_path, own_format):
    project = Documented(tmp_path, "django_ninja")
    project.write("api.py", "api", "several auths", *["own format"] * own_format)
    project.write("tests.py", "a test case")
    project.write(
        "urls.py",
        "two extensions",
        text="""
from django.urls import include, path
from mysite.api import api


@api.get("/orders", auth=for_staff)
def orders(request):
    return request.auth.subject


urlpatterns = [path("", include("watchword.web.django.urls")), path("", staff.urls), path("api/", api.urls)]
""",
    )
    project.add_alice()
    assert "Ran 1 test" in project.manage("test").stderr
    expected = {"code": "malformed_token"} if own_format else {}
    project.run_code(
        f"""
from mysite.urls import staff

headers = bear()
assert ask("/api/profile", headers).json() == {{"name": "alice", "subject": str(alice.pk)}}
assert ask("/api/reports", headers).json() == {{"reports of": "alice"}}
assert ask("/api/danger", headers, really="yes").json() == {{"done": True}}
assert [ask("/api/welcome", each).json()["hello"] for each in (headers, None)] == ["alice", "stranger"]
assert ask("/api/open").json() == {{"open": True}}
assert ask("/api/notes/", headers).status_code == 403
assert ask("/api/either", headers).json() == {{"name": "alice"}}
refused = ask("/api/profile", {{"Authorization": "Bearer x.y.z"}})
assert refused.status_code == 401
assert refused.json().items() >= {expected}.items()
assert "invalid_token" in refused["WWW-Authenticate"]
own = {{"Authorization": f"Bearer {{staff.core.start(str(alice.pk)).access_token}}"}}
assert [ask("/api/orders", each).status_code for each in (own, headers)] == [200, 401]
"""
    )
