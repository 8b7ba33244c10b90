import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from watchword.errors import InvalidSettings
from watchword.keyring.operator_secret import derive_key, read_secret_file

NEW, OLD = "n" * 32, "o" * 32


def test_derived_keys_differ_by_purpose_and_by_secret_and_stay_the_same():
    derived = {derive_key(secret, purpose) for secret in (NEW, OLD) for purpose in ("one", "two")}
    assert len(derived) == 4
    assert all(len(key) == 32 for key in derived)
    assert derive_key(NEW, "one") == derive_key(NEW, "one")


def test_a_secret_file_is_made_once_for_the_owner_alone(tmp_path):
    path = tmp_path / "app.db.secret"
    secret = read_secret_file(path, create=True)
    assert len(secret) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_secret_file(path, create=True) == read_secret_file(path, create=False) == secret
    assert list(tmp_path.iterdir()) == [path]


def test_starts_at_once_make_one_secret(tmp_path, monkeypatch):
    path, together = tmp_path / "app.db.secret", threading.Barrier(8)
    link = Path.hardlink_to

    def linked_together(self, target):
        together.wait(10)  # every thread has seen that there is no file, and has a draft of its own
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", linked_together)
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda _: read_secret_file(path, create=True), range(8)))
    assert set(secrets) == {path.read_text().strip()}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("owner", "user", "directory", "mode", "said"),
    [
        (7, 7, 7, 0o600, None),
        (7, 7, 7, 0o400, None),
        (7, 7, 0, 0o600, None),
        *((7, 7, 7, mode, "chmod 600") for mode in (0o604, 0o602, 0o640, 0o620, 0o666, 0o644, 0o660)),
        (0, 7, 7, 0o600, None),
        (0, 7, 7, 0o640, None),
        *((0, 7, 7, mode, "chmod 600") for mode in (0o644, 0o660, 0o602)),
        (8, 7, 7, 0o600, "belongs to another user (id 8)"),
        (8, 7, 8, 0o600, "belongs to another user (id 8)"),
        (0, 0, 0, 0o600, None),
        (8, 0, 8, 0o600, None),
        (8, 0, 0, 0o600, "belongs to another user (id 8)"),
        (8, 0, 8, 0o660, "chmod 600"),
    ],
)
def test_a_secret_that_another_user_may_know_or_has_chosen_is_refused(
    tmp_path, monkeypatch, owner, user, directory, mode, said
):
    """The numbers are invented, since a test that is not root cannot give files away."""
    path = tmp_path / "app.db.secret"
    secret = read_secret_file(path, create=True)
    path.chmod(mode)
    of_file, of_path = os.fstat, Path.stat
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fstat", lambda file: _owned(of_file(file), owner))
    monkeypatch.setattr(Path, "stat", lambda path, **_: _owned(of_path(path), directory))
    if said is None:
        assert read_secret_file(path, create=False) == secret
        return
    with pytest.raises(InvalidSettings) as caught:
        read_secret_file(path, create=False)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert secret not in str(caught.value)


def _owned(found, user):
    return os.stat_result((*found[:4], user, *found[5:]))


def test_a_secret_that_is_readable_for_others_is_refused_for_real(tmp_path):
    path = tmp_path / "app.db.secret"
    secret = read_secret_file(path, create=True)
    path.chmod(0o644)
    with pytest.raises(InvalidSettings, match=rf"mode 0644\)\. Run `chmod 600 {path}`"):
        read_secret_file(path, create=True)
    path.chmod(0o600)
    assert read_secret_file(path, create=True) == secret


def test_where_files_have_no_numbers_of_users_the_secret_is_taken_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "app.db.secret"
    secret = read_secret_file(path, create=True)
    path.chmod(0o644)
    monkeypatch.delattr(os, "geteuid")
    assert read_secret_file(path, create=False) == secret


def test_a_secret_that_this_user_cannot_read_is_not_called_missing(tmp_path, monkeypatch):
    path = tmp_path / "app.db.secret"
    read_secret_file(path, create=True)

    def refuse(*_, **__):  # root may read everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InvalidSettings, match=rf"cannot be read by this user\. Run `chown \d+ {path}`"):
        read_secret_file(path, create=False)


def test_a_secret_that_is_lost_is_not_replaced(tmp_path):
    path = tmp_path / "app.db.secret"
    with pytest.raises(InvalidSettings, match=r"restore app\.db\.secret"):
        read_secret_file(path, create=False)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"too short\n", b" " * 64, b"\xff" * 64, "é".encode() * 40])
def test_a_file_without_a_good_secret_in_it_is_refused_and_not_repeated(tmp_path, content):
    path = tmp_path / "app.db.secret"
    path.write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"app\.db\.secret") as caught:
        read_secret_file(path, create=True)
    assert "too short" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_a_setting_to_mend(tmp_path):
    with pytest.raises(InvalidSettings, match=r"app\.db\.secret cannot be made .*: set WATCHWORD_SECRET"):
        read_secret_file(tmp_path / "nowhere" / "app.db.secret", create=True)
    with pytest.raises(InvalidSettings):
        read_secret_file(tmp_path, create=True)
