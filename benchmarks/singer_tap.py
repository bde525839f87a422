"""tap-salesforce with its login host answered by another server: ``tap/bin/python singer_tap.py ORIGIN --config …``.

Run by the tap's own Python: what it needs fits neither ours nor the target's.
"""

import sys
from typing import Any

import requests
import tap_salesforce
import tap_salesforce.salesforce as client

LOGIN = "https://login.salesforce.com"
ORIGIN = sys.argv.pop(1)


class Elsewhere(requests.adapters.HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        request.url = str(request.url).replace(LOGIN, ORIGIN, 1)
        return super().send(request, *arguments, **options)


class Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self.mount(LOGIN, Elsewhere())


client.requests.Session = Session
tap_salesforce.main()
