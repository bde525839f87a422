"""The pages of Salesforce's Setup where problems are fixed."""

from __future__ import annotations

from datasync_flask.problems.trouble import SetupPage

EXTERNAL_APPS = SetupPage("External Client App Manager", "/lightning/setup/ManageExternalClientApplication/home")
APP_MANAGER = SetupPage("App Manager", "/lightning/setup/NavigationMenus/home")
OAUTH_USAGE = SetupPage("Connected Apps OAuth Usage", "/lightning/setup/ConnectedAppsUsage/home")
USERS = SetupPage("Users", "/lightning/setup/ManageUsers/home")
PERMISSION_SETS = SetupPage("Permission Sets", "/lightning/setup/PermSets/home")
NETWORK_ACCESS = SetupPage("Network Access", "/lightning/setup/NetworkAccess/home")
COMPANY = SetupPage("Company Information", "/lightning/setup/CompanyProfileInfo/home")
SESSION_SETTINGS = SetupPage("Session Settings", "/lightning/setup/SecuritySession/home")
MY_DOMAIN = SetupPage("My Domain", "/lightning/setup/OrgDomain/home")
OBJECT_MANAGER = SetupPage("Object Manager", "/lightning/setup/ObjectManager/home")
