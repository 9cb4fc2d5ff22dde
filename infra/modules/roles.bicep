// What the signer, and the operator if there is one, may do in Azure. Roles on the database are its own, and with it.

import { signingKeyType } from '../types.bicep'

@description('Name of the vault.')
param vaultName string

@description('The signing keys, of which only the names are needed.')
param keys signingKeyType[]

@description('How the signer may use the vault: custom or builtIn.')
param vaultRole string

@description('Name of the custom role, which must be unique among all of the tenant.')
param vaultRoleName string

@description('Name of the storage account of the Functions host.')
param storageName string

@description('Name of the container that holds the deployed package.')
param packageContainerName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the signer\'s identity.')
param identityName string

@description('Object identifier of the operator, or nothing.')
param operatorPrincipalId string

@description('Whether the operator puts the package into the container with an own hand.')
param operatorUploadsPackage bool

@description('Whether the signer has its own role.')
var isCustom = vaultRole == 'custom'

// Built-in roles have the same identifiers everywhere.
@description('To see the keys of a vault.')
var keyVaultReader = '21090545-7ca7-4776-b22c-e363652d74d2'

@description('To use a key.')
var keyVaultCryptoUser = '12338af0-0e69-4776-bea7-57ae8d297424'

@description('To do everything with blobs.')
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'

@description('To read, write and delete blobs.')
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

@description('To send telemetry.')
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

@description('The keys that the signer may use by a built-in role.')
var keysByBuiltInRole = isCustom ? [] : keys

resource signingKeys 'Microsoft.KeyVault/vaults/keys@2026-02-01' existing = [
  for key in keysByBuiltInRole: {
    parent: vault
    name: key.name
  }
]

resource storage 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: storageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: storage
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  parent: blobs
  name: packageContainerName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

@description('Name of that role.')
var keySignerRoleId = guid(resourceGroup().id, 'key signer')

// To see the keys and to sign with them, and nothing else: not to change, back up or delete one, and not to make another.
resource keySigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (isCustom) {
  name: keySignerRoleId
  properties: {
    roleName: vaultRoleName
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
        notDataActions: []
      }
    ]
  }
}

// On the vault, which holds nothing but signing keys: so the signer can list them, and finds those that are made later.
resource signerSigns 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isCustom) {
  scope: vault
  name: guid(vault.id, identity.id, keySignerRoleId)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keySignerRoleId)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
  dependsOn: [
    keySigner
  ]
}

// Without a custom role: to list the keys of the vault …
resource signerReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!isCustom) {
  scope: vault
  name: guid(vault.id, identity.id, keyVaultReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultReader)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// … and to sign with each of those named here. No built-in role is narrower, yet this one may also change and back up these keys.
resource signerUses 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (key, i) in keysByBuiltInRole: {
    scope: signingKeys[i]
    name: guid(vault.id, key.name, identity.id, keyVaultCryptoUser)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultCryptoUser)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

// The Functions host reads the package, and keeps its leases and function keys in containers that it makes itself.
resource hostStores 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, identity.id, storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource hostTells 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: applicationInsights
  name: guid(applicationInsights.id, identity.id, monitoringMetricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The operator sees which keys there are, and cannot sign.
resource operatorReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: vault
  name: guid(vault.id, operatorPrincipalId, keyVaultReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultReader)
    principalId: operatorPrincipalId
  }
}

resource operatorUploads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (operatorUploadsPackage && !empty(operatorPrincipalId)) {
  scope: packages
  name: guid(packages.id, operatorPrincipalId, storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    principalId: operatorPrincipalId
  }
}
