"""What manage.py check shows."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import override_settings
from django.urls import path
from django_projects import DjangoProject
from rest_framework.authentication import SessionAuthentication
from rest_framework.views import APIView

from watchword.web.django import checks
from watchword.web.django.rest_framework import WatchwordAuthentication

OURS = "watchword.web.django.IdentityMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"


def find(check, **changed):
    with override_settings(**changed):
        return [finding.id for finding in check()]


@pytest.mark.parametrize(
    ("watchword", "ids"),
    [
        ({"ISSUER": "https://x.example"}, []),
        ({"ISSUR": "x", "LEEWAY": "x"}, ["E001", "E002"]),
        ({"REFRESH_WINDOW": 700}, ["E003"]),
        ({"LOAD_USER": "nowhere.load"}, ["E003"]),
        ({"AUTH": "nowhere.auth"}, ["E003"]),
        ({"SECRET": "short"}, ["E003"]),
        (["ISSUER"], ["E004"]),
    ],
)
def test_settings_that_cannot_be_used_are_errors(watchword, ids):
    assert find(checks.find_unusable_settings, WATCHWORD=watchword) == ids


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [([USERS, OURS], []), ([OURS], []), ([USERS], ["W010"]), ([OURS, USERS], ["W011"])],
)
def test_the_middleware_stands_below_django_s(middleware, ids):
    assert find(checks.find_middleware_mistakes, MIDDLEWARE=middleware) == ids


def test_settings_outside_of_the_dict_are_warned_of():
    assert find(checks.find_misplaced_settings, WATCHWORD_ISSUER="https://x.example") == ["W014"]
    assert find(checks.find_misplaced_settings) == []


class FirstOurs(APIView):
    authentication_classes = (WatchwordAuthentication, SessionAuthentication)


class FirstAnother(APIView):
    authentication_classes = (SessionAuthentication, WatchwordAuthentication)


@pytest.mark.parametrize(("view", "ids"), [(FirstOurs, []), (FirstAnother, ["W013"])])
def test_the_first_class_of_django_rest_framework_is_ours(serve, view, ids):
    serve(path("view", view.as_view()))
    assert find(checks.find_class_order_mistakes) == ids


@pytest.mark.parametrize(("order", "ids"), [(1, []), (-1, ["W013"])])
def test_the_first_default_class_of_django_rest_framework_is_ours(serve, order, ids):
    serve()
    classes = [
        "watchword.web.django.rest_framework.WatchwordAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ][::order]
    framework = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    assert find(checks.find_class_order_mistakes, REST_FRAMEWORK=framework) == ids


def test_risks_are_found_for_a_deployment():
    assert find(checks.find_deployment_risks, WATCHWORD={"ISSUER": "http://login.example"}) == [
        "W002",
        "W003",
        "W005",
    ]
    assert find(checks.find_deployment_risks, WATCHWORD={"ISSUR": "x"}) == []  # E001 says so.


def test_the_settings_of_these_tests_are_good():
    assert USERS in settings.MIDDLEWARE
    assert find(checks.find_unusable_settings) == []


# -- as a user sees them -------------------------------------------------------------------------------


def test_a_mistake_is_a_finding_and_not_a_traceback(tmp_path):
    project = DjangoProject(tmp_path, 'WATCHWORD["ISSUR"] = "x"')
    shown = project.manage("check", status=1).stderr
    assert '(watchword.E001) WATCHWORD["ISSUR"] is not a setting.' in shown
    assert "HINT: Did you mean ISSUER?" in shown
    assert "Traceback" not in shown


def test_risks_are_shown_with_deploy_only(tmp_path):
    project = DjangoProject(tmp_path)
    assert "no issues" in project.manage("check").stdout
    shown = project.manage("check", "--deploy", PUBLIC_URL="http://login.example").stderr
    assert "watchword.W002" in shown
    assert not (project.folder / "watchword.db").exists()


@pytest.mark.parametrize(
    ("include", "is_found"),
    [
        ('path("", include("watchword.web.django.urls"))', False),
        ('path("api/", include("watchword.web.django.urls"))', True),
        ('path("nothing", include([]))', True),
    ],
)
def test_endpoints_lie_at_the_root(tmp_path, include, is_found):
    project = DjangoProject(tmp_path)
    (project.folder / "mysite" / "urls.py").write_text(
        f"from django.urls import include, path\nurlpatterns = [{include}]\n"
    )
    assert ("watchword.W012" in project.manage("check").stderr) == is_found
