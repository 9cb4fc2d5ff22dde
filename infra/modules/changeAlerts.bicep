// Alerts on changes in Azure, and on the health of resources, from the activity log, which is free. Each description says what the
// alert means and what to do first.

import { textsType } from '../types.bicep'

@description('Tags of all alerts.')
param tags textsType = {}

@description('Prefix of the names of all alerts.')
param namePrefix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Whether the alert on the health of resources is on.')
param enabled bool = true

@description('Whether changes of roles, vault, database or app in the resource group raise an alert. You may want this off while working on a deployment.')
param alertOnChanges bool = true

@description('Changes of permissions.')
var roleChanges = [
  for operation in [
    'Microsoft.Authorization/roleAssignments/write'
    'Microsoft.Authorization/roleAssignments/delete'
    'Microsoft.Authorization/roleDefinitions/write'
    'Microsoft.Authorization/roleDefinitions/delete'
    'Microsoft.Authorization/locks/delete'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/delete'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/write'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/delete'
    'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'
    'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of the vault.')
var vaultChanges = [
  for operation in [
    'Microsoft.KeyVault/vaults/write'
    'Microsoft.KeyVault/vaults/delete'
    'Microsoft.KeyVault/vaults/keys/write'
    'Microsoft.KeyVault/vaults/accessPolicies/write'
    'Microsoft.KeyVault/vaults/deploy/action'
    'Microsoft.KeyVault/vaults/privateEndpointConnectionsApproval/action'
    'Microsoft.Insights/diagnosticSettings/write'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of the database.')
var databaseChanges = [
  for operation in [
    'Microsoft.DocumentDB/databaseAccounts/write'
    'Microsoft.DocumentDB/databaseAccounts/delete'
    'Microsoft.DocumentDB/databaseAccounts/failoverPriorityChange/action'
    'Microsoft.DocumentDB/databaseAccounts/offlineRegion/action'
    'Microsoft.DocumentDB/databaseAccounts/onlineRegion/action'
    'Microsoft.DocumentDB/databaseAccounts/regenerateKey/action'
    'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/delete'
    'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/write'
    'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/delete'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of the app and of the storage account with its package.')
var appChanges = [
  for operation in [
    'Microsoft.Web/sites/write'
    'Microsoft.Web/sites/delete'
    'Microsoft.Web/sites/stop/action'
    'Microsoft.Web/sites/restart/action'
    'Microsoft.Web/sites/config/write'
    'Microsoft.Web/sites/host/functionKeys/write'
    'Microsoft.Web/sites/publishxml/action'
    'Microsoft.Web/sites/publish/action'
    'Microsoft.Web/sites/extensions/write'
    'Microsoft.Web/sites/sourcecontrols/write'
    'Microsoft.Web/sites/basicPublishingCredentialsPolicies/write'
    'Microsoft.Storage/storageAccounts/write'
    'Microsoft.Storage/storageAccounts/delete'
    'Microsoft.Storage/storageAccounts/listKeys/action'
    'Microsoft.Storage/storageAccounts/regenerateKey/action'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of logs and alerts.')
var monitoringChanges = [
  for operation in [
    'Microsoft.Insights/scheduledQueryRules/delete'
    'Microsoft.Insights/metricAlerts/delete'
    'Microsoft.Insights/activityLogAlerts/delete'
    'Microsoft.Insights/actionGroups/write'
    'Microsoft.Insights/actionGroups/delete'
    'Microsoft.Insights/diagnosticSettings/delete'
    'Microsoft.OperationalInsights/workspaces/delete'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

// Activity log alerts have no severity and never resolve: each change sends one message, once it has succeeded.
@description('The rules on changes.')
var changeRules = [
  {
    name: 'roles'
    description: 'A role in the resource group was assigned, removed or redefined, a lock was deleted, or an identity was assigned to a resource. This may change who can sign or write marks. First: was it your deployment? If not, see in the activity log who did it, and revert it.'
    operations: roleChanges
  }
  {
    name: 'vault'
    description: 'The vault or a key in it was changed through Azure Resource Manager: its network, its access, its keys, or the destination of its audit log or that of the database. First: was it your deployment? If not, see in the activity log who did it. A deleted vault or key can be recovered for 90 days.'
    operations: vaultChanges
  }
  {
    name: 'database'
    description: 'The database account, or the container with the marks, was changed (regions, consistency, failover, keys) or deleted. With strong consistency, no acknowledged mark is lost in a failover; with anything less, no block or vote is signed. First: was it you? See in the activity log what was changed and by whom, and check with azurehsm-signer doctor that the account is still strongly consistent, with one write region. If marks were deleted, or an older account was restored, stop the app, and raise the marks above the head of the chain before you start it again.'
    operations: databaseChanges
  }
  {
    name: 'app'
    description: 'The function app, or the storage account with its package, was changed, stopped, restarted or deleted: its program, settings or network may have changed. Publishing and uploads do not go through Azure Resource Manager: for them, there is the alert package-written. First: was it your deployment? If not, see in the activity log who did it, and deploy a version that you trust.'
    operations: appChanges
  }
  {
    name: 'monitoring'
    description: 'An alert was deleted, its recipients were changed, or logs are no longer collected: the next alert may not arrive. Disabling an alert is not reported here. First: was it your deployment? If not, see in the activity log who did it.'
    operations: monitoringChanges
  }
]

@description('The rules on changes, in Azure\'s format.')
var changeProperties = [
  for rule in changeRules: {
    description: 'Tezos signer: ${rule.description}'
    enabled: alertOnChanges
    scopes: [resourceGroup().id]
    condition: {
      allOf: [
        {
          field: 'category'
          equals: 'Administrative'
        }
        {
          field: 'status'
          equals: 'Succeeded'
        }
        {
          anyOf: rule.operations
        }
      ]
    }
    actions: {
      actionGroups: [
        {
          actionGroupId: actionGroupId
        }
      ]
    }
  }
]

resource changeAlerts 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [
  for (rule, index) in changeRules: {
    name: '${namePrefix}-changed-${rule.name}'
    location: 'global'
    tags: tags
    properties: changeProperties[index]
  }
]

@description('The rule on the health of resources.')
var resourceHealthProperties = {
  description: 'Tezos signer: Azure reports that a resource of the signer is degraded or unavailable. First: open its page "Resource health", which shows since when, why, and what Azure is doing about it.'
  enabled: enabled
  scopes: [resourceGroup().id]
  condition: {
    allOf: [
      {
        field: 'category'
        equals: 'ResourceHealth'
      }
      {
        anyOf: [
          {
            field: 'properties.currentHealthStatus'
            equals: 'Degraded'
          }
          {
            field: 'properties.currentHealthStatus'
            equals: 'Unavailable'
          }
        ]
      }
    ]
  }
  actions: {
    actionGroups: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}

resource resourceHealthAlert 'Microsoft.Insights/activityLogAlerts@2026-01-01' = {
  name: '${namePrefix}-resource-health'
  location: 'global'
  tags: tags
  properties: resourceHealthProperties
}
