#!/bin/sh
# Every night.
ingestr ingest \
  --source-uri "salesforce://?username=loader@acme.example&password=SECRET%26of1&token=SECRETof2&domain=acme.my" \
  --source-table "account" \
  --dest-uri "duckdb:///sf.db" \
  --dest-table "public.account" \
  --interval-start 2023-01-31 --interval-end 2024-01-31
ingestr ingest --source-uri="salesforce://?username=loader@acme.example&password=SECRET%26of1&token=SECRETof2&domain=acme.my" --source-table custom:Visit__c --dest-uri postgresql://l:SECRETof3@db/w --columns 'id:bigint'
ingestr ingest --source-uri "salesforce://?username=loader@acme.example&password=SECRET%26of1&token=SECRETof2&domain=acme.my" --source-table cases --dest-uri duckdb:///sf.db
ingestr ingest --source-uri "salesforce://?grant_type=client_credentials&client_id=3MVG9ingestr.ingestr.ing&client_secret=SECRETof4&domain=https://acme.my.salesforce.com" --source-table product --incremental-key LastModifiedDate --dest-uri duckdb:///sf.db
