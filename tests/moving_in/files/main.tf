# Sources and connections of the sales team.
terraform {
  required_providers {
    airbyte = { source = "airbytehq/airbyte", version = "~> 0.6" }
  }
}

variable "start" {
  type    = string
  default = "2021-07-25"
}

resource "airbyte_source_salesforce" "sales" {
  configuration = {
    additional_properties = "{ \"see\": \"documentation\" }"
    client_id             = "3MVG9terraform.terraform"
    client_secret         = "SECRET-of-terraform"
    force_use_bulk_api    = true
    is_sandbox            = false
    refresh_token         = var.refresh_token # from the vault
    start_date            = "2021-07-25"
    streams_criteria = [
      {
        criteria = "not contains"
        value    = "Feed"
      },
    ]
  }
  name         = "Sales org"
  workspace_id = var.workspace_id
}

/* Two streams
   with their fields. */
resource "airbyte_connection" "sales" {
  configurations = {
    streams = [
      {
        cursor_field    = ["SystemModstamp"]
        name            = "Account"
        selected_fields = [for name in ["Id", "Name"] : { field_path = [name] }]
        sync_mode       = "incremental_deduped_history"
      },
      { name = "Contact", sync_mode = "incremental_append", selected_fields = [{ field_path = ["Email"] }] }
    ]
  }
  destination_id = airbyte_destination_postgres.warehouse.destination_id
  name           = "Sales to the warehouse"
  schedule = {
    cron_expression = "0 0 6 * * ?"
    schedule_type   = "cron"
  }
  source_id = airbyte_source_salesforce.sales.source_id
  status    = var.is_live ? "active" : "inactive"
}
