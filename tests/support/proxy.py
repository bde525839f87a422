"""nginx in front of a server, with a configuration and a folder of its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.servers import wait_until_open


@contextlib.contextmanager
def running_nginx(folder: Path, port: int, locations: str) -> Iterator[None]:
    """Run nginx on `port` of 127.0.0.1 with these location blocks."""
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
""")
    program = next(
        path for path in ("/usr/sbin/nginx", "/usr/bin/nginx", "nginx") if path == "nginx" or Path(path).exists()
    )
    server = subprocess.Popen([program, "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"])
    try:
        wait_until_open(port)
        yield
    finally:
        server.terminate()
        server.wait(30)
