"""A stand-in Salesforce org for tests and the demo. It speaks Salesforce's wire; the app never imports it."""
