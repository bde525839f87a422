"""Two hundred refreshes at once over four processes make one request to the token endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.connection import ConnectionWalk

ROOT = Path(__file__).resolve().parent.parent.parent

STORM = """
import sys, threading
from datasync_flask import create_app
from datasync_flask.config import load_settings
from datasync_flask.salesforce_connections import token_grants
connection_id = sys.argv[1]
app = create_app(load_settings())
with app.app_context():
    stale = token_grants.current_token(connection_id)
ready, tokens = threading.Barrier(50), []
def refresh():
    with app.app_context():
        ready.wait()
        tokens.append(token_grants.refreshed_token(connection_id, stale).token.access_token)
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=refresh) for _ in range(50)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(tokens), len(set(tokens)), stale.token.access_token in tokens, flush=True)
"""


# Several processes on several machines share nothing but the database.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_one_request_whatever_the_storm(walk: ConnectionWalk, tmp_path: Path) -> None:
    walk.to_connected()
    walk.practice.expire("access")
    settings = walk.app.config["SETTINGS"]
    variables = {
        "DATASYNC_INSTANCE_DIR": str(tmp_path), "DATASYNC_DATABASE_URL": settings.database_url,
        "DATASYNC_SECRET_KEY": settings.secret_key, "DATASYNC_ENCRYPTION_KEYS": ",".join(settings.encryption_keys),
        "DATASYNC_SALESFORCE_HOSTS": walk.practice.origin,
    }  # fmt: skip
    before = walk.practice.requests()["token"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", STORM, walk.id], cwd=ROOT, env=os.environ | variables,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert outputs == [["50", "1", "False"]] * 4
    assert walk.practice.requests()["token"] - before == 1
