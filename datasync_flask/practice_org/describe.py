"""Describe: the API's descriptions of objects and fields, with all the keys that Salesforce has.

Source: REST API Developer Guide, "Describe Global", "sObject Describe".
"""

from __future__ import annotations

from typing import Any

from datasync_flask.practice_org.catalog import (
    COMPOUND,
    DECIMALS,
    DEFINITIONS,
    PICKLISTS,
    UNGROUPED,
    SObject,
    child_relationship,
    label_of,
    relationship_of,
)
from datasync_flask.practice_org.data import Data

Described = dict[str, Any]

_LENGTHS = {
    "string": 255, "picklist": 255, "multipicklist": 4099, "url": 255, "phone": 40, "email": 80, "textarea": 32000,
    "id": 18, "reference": 18,
}  # fmt: skip
_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "long": "xsd:long",
    "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date",
    "datetime": "xsd:dateTime", "time": "xsd:time", "base64": "xsd:base64Binary", "address": "urn:address",
    "location": "urn:location", "json": "urn:json", "anyType": "xsd:anyType",
}  # fmt: skip
_NEVER_NULL = frozenset(
    {
        "Id",
        "IsDeleted",
        "Name",
        "CreatedDate",
        "LastModifiedDate",
        "SystemModstamp",
        "OwnerId",
        "CreatedById",
        "LastModifiedById",
    }
)
_NOT_SET_BY_PEOPLE = _NEVER_NULL - {"Name", "OwnerId"}


def entry_of(found: SObject, version: str) -> Described:
    """An object's entry in Describe Global."""
    base = f"/services/data/v{version}/sobjects/{found.name}"
    kind, parent = found.associate or (None, None)
    is_record = found.associate is None
    urls = {"rowTemplate": f"{base}/{{ID}}", "describe": f"{base}/describe", "sobject": base}
    if is_record:
        urls = {
            "compactLayouts": f"{base}/describe/compactLayouts", "rowTemplate": f"{base}/{{ID}}",
            "approvalLayouts": f"{base}/describe/approvalLayouts", "listviews": f"{base}/listviews",
            "describe": f"{base}/describe", "quickActions": f"{base}/quickActions",
            "layouts": f"{base}/describe/layouts", "sobject": base,
        }  # fmt: skip
    can_go = "IsDeleted" in found.fields
    return {
        "activateable": False, "associateEntityType": kind, "associateParentEntity": parent, "createable": False,
        "custom": found.is_custom, "customSetting": False, "deepCloneable": False, "deletable": False,
        "deprecatedAndHidden": False, "feedEnabled": is_record, "hasSubtypes": False, "isInterface": False,
        "isSubtype": False, "keyPrefix": found.prefix if is_record else None, "label": found.label,
        "labelPlural": found.plural, "layoutable": is_record, "mergeable": False,
        "mruEnabled": is_record, "name": found.name, "queryable": found.is_queryable,
        "replicateable": found.has_dates and can_go, "retrieveable": True, "searchable": is_record,
        "triggerable": is_record, "undeletable": False, "updateable": False, "urls": urls,
    }  # fmt: skip


def describe(data: Data, found: SObject, version: str, origin: str) -> Described:
    """The full description of an object."""
    entry = entry_of(found, version)
    urls = {
        **entry["urls"], "uiDetailTemplate": f"{origin}/{{ID}}", "uiEditTemplate": f"{origin}/{{ID}}/e",
        "uiNewRecord": f"{origin}/{found.prefix}/e",
    }  # fmt: skip
    layout = f"{entry['urls']['sobject']}/describe/layouts/012000000000000AAA"
    master = {
        "active": True, "available": True, "defaultRecordTypeMapping": True, "developerName": "Master", "master": True,
        "name": "Master", "recordTypeId": "012000000000000AAA", "urls": {"layout": layout},
    }  # fmt: skip
    more = {
        "actionOverrides": [], "childRelationships": _children(data, found), "compactLayoutable": True,
        "defaultImplementation": None, "extendedBy": None, "extendsInterfaces": None,
        "fields": [field_of(found, name) for name in found.fields], "implementedBy": None,
        "implementsInterfaces": None, "listviewable": None, "lookupLayoutable": None, "namedLayoutInfos": [],
        "networkScopeFieldName": None, "recordTypeInfos": [master], "searchLayoutable": True,
        "sobjectDescribeOption": "FULL", "supportedScopes": [{"label": f"All {found.plural}", "name": "everything"}],
        "urls": urls,
    }  # fmt: skip
    return dict(sorted((entry | more).items()))


def _children(data: Data, found: SObject) -> list[Described]:
    return [
        {
            "cascadeDelete": False, "childSObject": child.name, "deprecatedAndHidden": False, "field": name,
            "junctionIdListNames": [], "junctionReferenceTo": [], "relationshipName": child_relationship(child, name),
            "restrictedDelete": False,
        }
        for child, name in data.children_of(found.name)
        if child.is_accessible and child.name not in DEFINITIONS
    ]  # fmt: skip


def compound_of(found: SObject, name: str) -> str | None:
    """The compound field that a field is a part of."""
    if name in {"FirstName", "LastName", "Name"} and "LastName" in found.fields:
        return "Name"
    if found.fields[name] in COMPOUND:
        return None
    return next(
        (
            compound
            for compound, kind in found.fields.items()
            if kind == "address" and name.startswith(compound.removesuffix("Address"))
        ),
        None,
    )


def field_of(found: SObject, name: str) -> Described:
    """The description of a field."""
    kind = found.fields[name]
    length = _LENGTHS.get(kind, 0)
    precision, scale = DECIMALS.get(kind, (0, 0))
    calculated, compound, is_long = found.is_calculated(name), kind in COMPOUND, found.is_long(name)
    target = found.target_of(name)
    is_name = name == "Name"
    values = PICKLISTS.get(name, ()) if kind in {"picklist", "multipicklist"} else ()
    return {
        "aggregatable": found.is_aggregatable(name), "aiPredictionField": False,
        "autoNumber": False, "byteLength": length if kind in {"id", "reference"} else length * 3,
        "calculated": calculated, "calculatedFormula": "FLOOR((TODAY() - Founded__c) / 365)" if calculated else None,
        "cascadeDelete": False, "caseSensitive": False, "compoundFieldName": compound_of(found, name),
        "controllerName": None, "createable": False, "custom": name.endswith("__c"),
        "defaultValue": False if kind == "boolean" else None, "defaultValueFormula": None,
        "defaultedOnCreate": name in _NOT_SET_BY_PEOPLE or kind == "boolean", "dependentPicklist": False,
        "deprecatedAndHidden": False, "digits": 8 if kind == "int" else 0, "displayLocationInDecimal": False,
        "encrypted": False, "externalId": False, "extraTypeInfo": "plaintextarea" if is_long else None,
        "filterable": name not in found.unfilterable and not is_long, "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": calculated, "groupable": kind not in UNGROUPED, "highScaleNumber": False,
        "htmlFormatted": False, "idLookup": name == "Id", "inlineHelpText": None,
        "label": f"{found.label} ID" if name == "Id" else field_label(name, kind), "length": length, "mask": None,
        "maskType": None, "name": name, "nameField": is_name, "namePointing": False,
        "nillable": name not in _NEVER_NULL and kind != "boolean", "permissionable": name not in _NEVER_NULL,
        "picklistValues": [_picked(value) for value in values], "polymorphicForeignKey": False, "precision": precision,
        "queryByDistance": compound, "referenceTargetField": None, "referenceTo": [target] if target else [],
        "relationshipName": relationship_of(name) if target else None, "relationshipOrder": None,
        "restrictedDelete": False, "restrictedPicklist": False, "scale": scale,
        "searchPrefilterable": kind == "reference", "soapType": _SOAP.get(kind, "xsd:string"),
        "sortable": not compound and not is_long and kind != "multipicklist", "type": kind, "unique": False,
        "updateable": False, "writeRequiresMasterRead": False,
    }  # fmt: skip


def _picked(value: str) -> Described:
    return {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}


def field_label(name: str, kind: str) -> str:
    """A label made from a field's name."""
    if kind == "reference" and not name.endswith("__c"):
        return label_of(name.removesuffix("Id")) + " ID"
    return label_of(name)
