"""Fields whose values change without the dates of their record, so that no query by date finds the change.

Descriptions mark formulas as `calculated`; they "do not maintain state" (Salesforce Help, article 000396215). The
standard fields below aren't marked. Of a contract line item the Object Reference says: "Status is
determined by your organization's current system date and the contract line item's Start Date and End Date". Estuary's
open connector for Salesforce lists Contract and ServiceContract too.
"""

from __future__ import annotations

_STANDARD = {"Contract": {"Status"}, "ContractLineItem": {"Status"}, "ServiceContract": {"Status"}}


def moves_by_itself(object_name: str, field_name: str, *, is_calculated: bool) -> bool:
    """True for a field whose value changes while its record's dates stay."""
    return is_calculated or field_name in _STANDARD.get(object_name, ())
