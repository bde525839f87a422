"""Cookies besides the session's, which scripts can't read and other programs on the host never get."""

from __future__ import annotations

from flask import Response, after_this_request, current_app


def set_cookie(name: str, value: str, seconds: int) -> None:
    """Have this request's answer store a cookie for so long."""

    @after_this_request
    def add(response: Response) -> Response:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=current_app.session_interface.get_cookie_path(current_app),
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            # Salesforce's redirect comes from another site; it is a top-level GET, which Lax lets through.
            samesite="Lax",
        )
        return response
