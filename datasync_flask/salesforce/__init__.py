"""The only code that speaks to Salesforce. It knows neither Flask nor the database."""
