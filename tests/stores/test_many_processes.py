"""What only several real processes on one store can show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from watchword import Auth, Settings

PROCESSES, THREADS = 4, 16
PATIENCE = 60
SECRET = "a secret that all the processes have in common"

REDEEMER = f"""
import collections, json, sys, threading
from concurrent.futures import ThreadPoolExecutor
from watchword import Auth, Settings
from watchword.errors import TokenSpent

url, token = json.loads(sys.stdin.readline())
auth = Auth(url, settings=Settings(secret=({SECRET!r},)))
barrier = threading.Barrier({THREADS} + 1)

def redeem():
    barrier.wait({PATIENCE})
    try:
        return auth.one_time.redeem("magic-link", token)["sub"]
    except TokenSpent as error:
        return error.code

with ThreadPoolExecutor({THREADS}) as pool:
    redeeming = [pool.submit(redeem) for _ in range({THREADS})]
    print("ready", flush=True)
    sys.stdin.readline()
    barrier.wait({PATIENCE})
    print(json.dumps(collections.Counter(future.result() for future in redeeming)))
auth.close()
"""


@pytest.fixture(params=["sqlite"])
def shared_url(tmp_path: Path) -> str:
    """A store that several processes can open, empty."""
    return f"sqlite:///{tmp_path}/watchword.db"


def test_of_64_threads_in_4_processes_that_redeem_one_token_at_once_one_wins(shared_url: str) -> None:
    auth = Auth(shared_url, settings=Settings(secret=(SECRET,)))
    token = auth.one_time.issue("magic-link", "alice", 600)
    auth.close()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", REDEEMER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            process.stdin.write(json.dumps([shared_url, token]) + "\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert sum(counts.get("alice", 0) for counts in told) == 1
    assert sum(counts.get("token_spent", 0) for counts in told) == PROCESSES * THREADS - 1
