"""A stand-in Salesforce org for tests and the demo. It speaks Salesforce's protocols; the app never imports it."""
