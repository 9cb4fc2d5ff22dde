"""The templates, evaluated with the parameters of a test (see bicep.py)."""
import json
import re
from functools import cache
from pathlib import Path

from bicep import Deployment, deploy

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"

VAULT = "Microsoft.KeyVault/vaults"
KEY = "Microsoft.KeyVault/vaults/keys"
ACCOUNT = "Microsoft.DocumentDB/databaseAccounts"
CONTAINER = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers"
DATA_ROLE = "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions"
DATA_ROLE_ASSIGNMENT = "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments"
STORAGE = "Microsoft.Storage/storageAccounts"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
RETENTION = f"{BLOBS}/immutabilityPolicies"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ROLE = "Microsoft.Authorization/roleDefinitions"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
LOCK = "Microsoft.Authorization/locks"
PLAN = "Microsoft.Web/serverfarms"
SITE = "Microsoft.Web/sites"
SITE_CONFIG = "Microsoft.Web/sites/config"
PUBLISHING = "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
CONTAINER_GROUP = "Microsoft.ContainerInstance/containerGroups"
NETWORK = "Microsoft.Network/virtualNetworks"
ENDPOINT = "Microsoft.Network/privateEndpoints"
ZONE = "Microsoft.Network/privateDnsZones"
ZONE_LINK = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
ZONE_GROUP = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
INSIGHTS = "Microsoft.Insights/components"
WORKSPACE = "Microsoft.OperationalInsights/workspaces"
DIAGNOSTICS = "Microsoft.Insights/diagnosticSettings"
WEB_TEST = "Microsoft.Insights/webtests"
SAVED_SEARCH = "Microsoft.OperationalInsights/workspaces/savedSearches"
QUERY_ALERT = "Microsoft.Insights/scheduledQueryRules"
METRIC_ALERT = "Microsoft.Insights/metricAlerts"
CHANGE_ALERT = "Microsoft.Insights/activityLogAlerts"

PLANS = ("flex", "premium")


@cache
def deployed(**parameters) -> Deployment:
    """The deployment with these parameters (lists and objects as JSON)."""
    return evaluated("resources.bicep", **parameters)


def evaluated(template, **parameters) -> Deployment:
    """The same for another template in infra/."""
    given = {k: json.loads(v) if isinstance(v, str) and v[:1] in ("[", "{") else v for k, v in parameters.items()}
    return deploy(INFRA / template, {"environmentName": "test", "location": "westeurope"} | given)


def assignments(resources) -> set[tuple[str, str, str]]:
    """These role assignments: principal, role and scope."""
    return {(str(r.properties["principalId"]), str(r.properties["roleDefinitionId"]), str(r.body["scope"])) for r in resources}


def data_assignments(deployment) -> set[tuple[str, str, str]]:
    """The role assignments in the database: principal, name of the role and scope."""
    names = {str(role.id): role.properties["roleName"] for role in deployment.all(DATA_ROLE)}
    return {
        (str(r.properties["principalId"]), names[str(r.properties["roleDefinitionId"])], str(r.properties["scope"]))
        for r in deployment.all(DATA_ROLE_ASSIGNMENT)
    }


def problems(rule) -> list[str]:
    """The problems that an alert on logs finds."""
    return re.findall(r'Problem = "([a-z-]+)"', rule.properties["criteria"]["allOf"][0]["query"])


def everywhere(node, name):
    """All values with this name, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from everywhere(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from everywhere(value, name)
