"""An application's own tests call a guarded view as any subject, without a login."""

from __future__ import annotations

import json

from application_process import run_python

CALL = "import json, sys, {module}; json.dump({module}.call_as_tester(), sys.stdout)"


def test_a_test_of_an_application_calls_a_guarded_view_as_any_subject(adapter, tmp_path):
    printed = run_python(
        tmp_path, "-c", CALL.format(module=adapter.module), WATCHWORD_DATABASE_URL="sqlite://"
    )
    assert json.loads(printed) == {"subject": "tester", "username": "tester"}
