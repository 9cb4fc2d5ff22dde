// The history of signatures in one region: a storage account with a container of append blobs that nobody can change or delete during the
// retention period. The signer may only add blocks.

import { textsType } from '../types.bicep'

@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Days during which blobs can neither be changed nor deleted, but appended to.')
param retentionDays int

@description('Whether the account is spread over availability zones.')
param zoneRedundant bool

@description('Whether the account is reachable only through its private endpoint.')
param isIsolated bool

@description('Whether the signer has a custom role. If not, it can write, read and delete blobs.')
param hasCustomRole bool

@description('Name of the custom role, which must be unique in the tenant.')
param roleName string

@description('Whether the custom role is defined here. If not, it already exists.')
param definesRole bool

@description('Name of the signer\'s identity.')
param identityName string

@description('Object identifier of the operator, who may read the history, or empty.')
param operatorPrincipalId string

// Built-in roles have the same identifiers everywhere.
@description('Storage Blob Data Contributor: reads, writes and deletes blobs.')
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

@description('Storage Blob Data Reader: reads blobs.')
var storageBlobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  //checkov:skip=CKV_AZURE_35: Denied by default if networking is isolated; otherwise see networkAcls below.
  //checkov:skip=CKV_AZURE_206: The history is an addition to the marks and the logs.
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
      // There are no shared keys: every call needs a role.
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

resource history 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = {
  parent: blobs
  name: 'audit'
  properties: {
    publicAccess: 'None'
  }
}

// Unlocked: an owner can still shorten it. Locking it cannot be undone, so that is left to the operator.
resource retention 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2026-04-01' = {
  parent: history
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: retentionDays
    allowProtectedAppendWrites: true
  }
}

@description('Name of the custom role.')
var blockAdderId = guid(resourceGroup().id, 'audit block adder')

// Creates append blobs and adds blocks to them, and nothing else: it can neither read, list, overwrite nor delete.
resource blockAdder 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasCustomRole && definesRole) {
  name: blockAdderId
  properties: {
    roleName: roleName
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
        ]
        notDataActions: []
      }
    ]
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

@description('The role of the signer.')
var signerRole = hasCustomRole ? blockAdderId : storageBlobDataContributor

resource signerAdds 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: history
  name: guid(history.id, identity.id, signerRole)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', signerRole)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
  dependsOn: [
    blockAdder
  ]
}

resource operatorReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: history
  name: guid(history.id, operatorPrincipalId, storageBlobDataReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataReader)
    principalId: operatorPrincipalId
  }
}

@description('Resource identifier of the account.')
output id string = account.id
