"""The Flask extensions of the pages, made once and tied to an app in wiring.py."""

from __future__ import annotations

from authlib.integrations.flask_client import OAuth
from flask_compress import Compress
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

csrf = CSRFProtect()
compress = Compress()
login_manager = LoginManager()
oauth = OAuth()
