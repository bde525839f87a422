"""Score four pages with Lighthouse (npm), signed in, beside a practice org; exit status 1 below the bar."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser.conftest import QUIET
from tests.support.practice import running_practice_org
from tests.support.program import Site, running_site
from tools.screenshots import make_states

BAR = 95
CATEGORIES = ("performance", "accessibility", "best-practices")


def scores(site: Site, path: str, folder: Path, *, signed_in: bool) -> dict[str, int]:
    """The page's scores, 0 to 100."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in site.http.cookies.jar)
    headers = folder / "headers.json"
    headers.write_text(json.dumps({"Cookie": cookies} if signed_in else {}))
    report = folder / "report.json"
    subprocess.run(
        [
            *("npx", "--yes", "lighthouse", site.address + path),
            *("--quiet", "--output=json", f"--output-path={report}", f"--extra-headers={headers}"),
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags=--headless=new {' '.join(QUIET)}",
        ],
        check=True,
        env=os.environ | {"CHROME_PATH": shutil.which("chromium") or ""},
    )
    found = json.loads(report.read_text())["categories"]
    return {name: round(found[name]["score"] * 100) for name in CATEGORIES}


def main() -> int:
    """Score the pages."""
    is_met = True
    with (
        tempfile.TemporaryDirectory() as name,
        running_practice_org() as practice,
        running_site(Path(name), practice) as site,
    ):
        site.sign_in()
        made = make_states(site, practice)
        pages = {
            "sign-in": "/login",
            "Connections": "/connections",
            "connection": f"/connections/{made['connected']}",
            "guide": "/connections/new/salesforce",
        }
        for title, path in pages.items():
            found = scores(site, path, Path(name), signed_in=title != "sign-in")
            is_met = is_met and min(found.values()) >= BAR
            print(f"{title:12}", "  ".join(f"{category} {score}" for category, score in found.items()), flush=True)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
