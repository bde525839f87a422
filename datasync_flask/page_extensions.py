"""The Flask extensions of the pages, made once and tied to an app in wiring.py."""

from __future__ import annotations

from authlib.integrations.flask_client import OAuth
from flask_compress import Compress
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

csrf = CSRFProtect()
compress = Compress()
login_manager = LoginManager()
limiter = Limiter(key_func=get_remote_address)
oauth = OAuth()
