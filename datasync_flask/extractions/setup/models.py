"""The table for drafts of extractions: what their steps store. A draft never runs and owns no table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from datasync_flask.clock import UtcDateTime, utcnow
from datasync_flask.connections.models import new_public_id
from datasync_flask.extensions import Model
from datasync_flask.salesforce_connections.models import SalesforceConnection


class ExtractionDraft(Model):
    """A draft of an extraction; the extraction created from it gets the same id."""

    __tablename__ = "extraction_drafts"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_public_id)
    source_id: Mapped[str] = mapped_column(ForeignKey("salesforce_connections.id", ondelete="CASCADE"), index=True)
    # Values typed and chosen, by field name, without defaults.
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # [{name, tracking_type, filter, …}, …]; None until somebody has chosen.
    objects: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True), default=None)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), default=None)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    source: Mapped[SalesforceConnection] = relationship()
