"""How objects can be read, as far as their names show.

Sources: Salesforce "Bulk API 2.0 and Bulk API Developer Guide" (supported objects), "SOQL and SOSL Reference"
(objects that need a WHERE clause), and the lists in open-source connectors.
"""

from __future__ import annotations

import enum

NOT_IN_BULK = frozenset(
    {
        "FieldSecurityClassification", "WorkStepStatus", "ShiftStatus", "WorkOrderStatus", "WorkOrderLineItemStatus",
        "ServiceAppointmentStatus", "SolutionStatus", "ContractStatus", "RecentlyViewed", "DeclinedEventRelation",
        "AcceptedEventRelation", "TaskStatus", "PartnerRole", "TaskPriority", "CaseStatus", "UndecidedEventRelation",
        "OrderStatus",
    }
)  # fmt: skip
NEED_A_FILTER = frozenset(
    {
        "ContentDocumentLink", "ContentFolderMember", "ContentFolderItem", "Vote", "IdeaComment", "FieldDefinition",
        "EntityParticle", "PlatformAction", "UserEntityAccess", "UserFieldAccess", "RelationshipInfo",
        "RelationshipDomain", "SearchLayout", "SiteDetail", "OwnerChangeOptionInfo", "DataStatistics",
        "PicklistValueInfo", "FlexQueueItem", "NetworkUserHistoryRecent", "FieldHistoryArchive", "RecordActionHistory",
        "FlowVersionView", "FlowVariableView", "FlowTestView", "AppTabMember", "ColorDefinition", "IconDefinition",
        "DatacloudDandBCompany", "DatacloudAddress", "RelatedListDefinition", "RelatedListColumnDefinition",
        "ApexTypeImplementor", "Announcement", "CollaborationGroupRecord",
    }
)  # fmt: skip
NOT_QUERYABLE = frozenset(
    {
        "DataType", "ListViewChartInstance", "FeedLike", "OutgoingEmail", "OutgoingEmailRelation", "FeedSignal",
        "ActivityHistory", "OpenActivity", "EmailStatus", "UserRecordAccess", "Name", "AggregateResult",
        "ProcessInstanceHistory", "OwnedContentDocument", "FolderedContentDocument", "FeedTrackedChange",
        "CombinedAttachment", "AttachedContentDocument", "AttachedContentNote", "ContentBody", "NoteAndAttachment",
        "LookedUpFromActivity", "QuoteTemplateRichTextData",
    }
)  # fmt: skip


class Reading(enum.StrEnum):
    """How an object can be read."""

    BULK = "bulk"
    REST = "rest"
    FILTER = "filter"
    NEVER = "never"


def reading_of(name: str) -> Reading:
    """How the object `name` can be read; by default in bulk."""
    if name in NOT_IN_BULK:
        return Reading.REST
    if name in NEED_A_FILTER:
        return Reading.FILTER
    return Reading.NEVER if name in NOT_QUERYABLE else Reading.BULK
