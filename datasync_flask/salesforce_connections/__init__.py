"""The life of one Salesforce connection."""
