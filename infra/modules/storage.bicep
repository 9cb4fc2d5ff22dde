// What the Functions host needs: the deployed package, and the function keys (encrypted). Neither keys of bakers nor marks.

import { textsType } from '../types.bicep'

@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Name of the container that holds the deployed package.')
param packageContainerName string

@description('Whether copies are kept in several availability zones.')
param zoneRedundant bool

@description('Whether the account is reached by its private endpoint alone.')
param isIsolated bool

@description('Resource identifier of the workspace that logs of changes go to.')
param workspaceId string

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  //checkov:skip=CKV_AZURE_35: Denied by default if networking is isolated; otherwise see networkAcls below.
  //checkov:skip=CKV_AZURE_206: Holds nothing that a new deployment does not make again.
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
      // Without a private endpoint, the deployment service of Flex Consumption is not among the networks that could be named
      // here, and a package could not be deployed. There are no shared keys: every call needs a role.
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

// Whoever replaces the package runs another program with the signer's identity. Blobs can be overwritten without a trace in the
// activity log, and publishing leaves none there either, so the alert on the package reads this log.
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

@description('Address of the container that holds the deployed package.')
output packageContainerUrl string = '${account.properties.primaryEndpoints.blob}${packages.name}'
