// Storage of the Functions host: the deployed package, and the function keys (encrypted). It contains neither keys of bakers nor marks.

import { textsType } from '../types.bicep'

@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Name of the container with the deployed package.')
param packageContainerName string

@description('Whether the account is spread over availability zones.')
param zoneRedundant bool

@description('Whether the account is reachable only through its private endpoint.')
param isIsolated bool

@description('Resource identifier of the workspace for logs of changes.')
param workspaceId string

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  //checkov:skip=CKV_AZURE_35: Denied by default if networking is isolated; otherwise see networkAcls below.
  //checkov:skip=CKV_AZURE_206: Contains nothing that a new deployment does not recreate.
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: isIsolated ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      // Without a private endpoint, no rule here could admit the deployment service of Flex Consumption, and packages could not
      // be deployed. There are no shared keys: every call needs a role.
      defaultAction: isIsolated ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = {
  parent: blobs
  name: packageContainerName
  properties: {
    publicAccess: 'None'
  }
}

// Replacing the package means running another program with the signer's identity. Neither overwriting a blob nor publishing leaves a
// trace in the activity log, so the alert package-written reads this log.
#disable-next-line use-recent-api-versions
resource changes 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'changes'
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

@description('Resource identifier of the account.')
output id string = account.id

@description('Address of the blob service.')
output blobUrl string = account.properties.primaryEndpoints.blob

@description('Address of the container with the deployed package.')
output packageContainerUrl string = '${account.properties.primaryEndpoints.blob}${packages.name}'
