# Flask-Babel has no types. `lazy_gettext` is Any: WTForms and others want a str where a lazy text is fine.

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from babel import Locale
from babel.support import NullTranslations
from flask import Flask

class Babel:
    def __init__(
        self,
        app: Flask | None = None,
        *,
        default_translation_directories: str = ...,
        locale_selector: Callable[[], str] | None = ...,
    ) -> None: ...

def gettext(string: str, **variables: object) -> str: ...
def ngettext(singular: str, plural: str, num: int, **variables: object) -> str: ...
def lazy_gettext(string: str, **variables: object) -> Any: ...
def format_decimal(number: float, format: str | None = None) -> str: ...  # noqa: A002
def get_locale() -> Locale | None: ...
def get_translations() -> NullTranslations: ...
def force_locale(locale: str) -> AbstractContextManager[None]: ...
def refresh() -> None: ...
