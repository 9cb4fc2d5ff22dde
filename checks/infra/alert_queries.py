"""Prints the queries of the alerts on logs as they are deployed: JSON, by the name of the rule.

    alert_queries.py

The limits are low, so that a short history exceeds them (kql/evaluate.py).
"""
import json

from bicep import deploy
from templates import INFRA, QUERY_ALERT

PARAMETERS = {
    "namePrefix": "rule",
    "actionGroupId": "action group",
    "workspaceId": "workspace",
    "signerPrincipalIds": ["00000000-0000-0000-0000-000000000000", "22222222-2222-2222-2222-222222222222"],
    "packagePaths": ["/store/package", "/store2/package"],
    "noSignatureMinutes": 30,
    "latencyMs": 5,
    "manyRefusals": 1,
    "manyStarts": 1,
}

CONFIDENTIAL = {
    **{name: PARAMETERS[name] for name in ("namePrefix", "actionGroupId", "workspaceId")},
    "location": "westeurope",
    "tags": {},
    "signerPrincipalId": PARAMETERS["signerPrincipalIds"][0],
}

if __name__ == "__main__":
    rules = deploy(INFRA / "modules/logAlerts.bicep", PARAMETERS).all(QUERY_ALERT)
    rules += deploy(INFRA / "confidential/alerts.bicep", CONFIDENTIAL).all(QUERY_ALERT)
    print(json.dumps({rule.name: rule.properties["criteria"]["allOf"][0]["query"] for rule in rules}))
