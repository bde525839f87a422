"""The only code that calls Salesforce. It knows neither Flask nor the database."""
