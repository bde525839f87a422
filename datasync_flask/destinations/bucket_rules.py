"""Validation of an object storage's settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext
from flask_login import current_user
from wtforms.validators import ValidationError

from datasync_flask.accounts.models import Role
from datasync_flask.destinations.tls import is_host, is_this_machine

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_][\w.=\-]*(/[A-Za-z0-9_][\w.=\-]*)*", re.ASCII)


def is_administrator() -> bool:
    """True for an administrator, and outside of a request for whoever runs the program."""
    return not current_user or not current_user.is_authenticated or current_user.has_role(Role.ADMIN)


class BucketRules:
    """Validators for the settings of a bucket, for a form with those fields."""

    endpoint: Any
    # The form's stored connection.
    connection: Any = None

    def validate_bucket(self, field: Any) -> None:
        """Accept a name that all stores accept."""
        if not _BUCKET.fullmatch(field.data or ""):
            raise ValidationError(
                gettext("A bucket’s name has 3 to 63 small letters, digits, dots and dashes, and no path.")
            )

    def validate_prefix(self, field: Any) -> None:
        """Accept only plain folders."""
        if field.data and not _PREFIX.fullmatch(field.data):
            raise ValidationError(
                gettext("Use letters, digits, dots, dashes and underscores only, and / between folders.")
            )

    def validate_endpoint(self, field: Any) -> None:
        """Accept an address without a path; only an administrator can choose http to another machine."""
        if not field.data:
            return
        try:
            parts = urlsplit(field.data)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            host = ""
        is_plain = host and field.data == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
        if not is_plain or parts.scheme not in {"https", "http"} or not is_host(host):
            raise ValidationError(
                gettext(
                    "Enter an address such as https://minio.example.com:9000, with https:// before it and without "
                    "bucket and path."
                )
            )
        if parts.scheme == "http" and not is_this_machine(host) and not is_administrator() and not self._is_unchanged:
            raise ValidationError(
                gettext(
                    "This store isn’t on the machine that DataSync runs on, so rows would go over the network "
                    "unencrypted. Use an address with https://, or ask an administrator to save it."
                )
            )

    def validate_region(self, field: Any) -> None:
        """Require a region for Amazon's buckets."""
        if not field.data and not self.endpoint.data:
            raise ValidationError(gettext("Enter the region of the bucket, for instance eu-central-1."))
        if field.data and not re.fullmatch(r"[a-z0-9\-]{1,40}", field.data):
            raise ValidationError(gettext("A region has small letters, digits and dashes only."))

    def validate_access_key(self, field: Any) -> None:
        """Let only administrators choose the machine's role, with which one can write wherever the machine may."""
        if field.data and not re.fullmatch(r"[!-~]{1,200}", field.data):
            raise ValidationError(gettext("An access key has letters, digits and signs only, and no spaces."))
        if not field.data and not is_administrator() and not self._is_unchanged:
            raise ValidationError(
                gettext(
                    "Enter an access key. Only an administrator may have DataSync write with the role of its machine."
                )
            )

    @property
    def _is_unchanged(self) -> bool:
        """True when the stored connection leads to the same bucket, as the same user."""
        stored: Mapping[str, Any] = self.connection.settings if self.connection is not None else {}
        return bool(stored) and all(
            str(stored.get(name) or "") == str(getattr(self, name).data or "")
            for name in ("endpoint", "bucket", "prefix", "access_key")
        )
