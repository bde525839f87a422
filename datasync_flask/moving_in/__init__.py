"""Settings of other tools that read Salesforce, made into drafts of connections and extractions."""
