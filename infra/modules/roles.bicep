// Azure roles of the signer and of the operator, if any. Cosmos DB has separate roles, which cosmos.bicep defines.

import { signingKeyType } from '../types.bicep'

@description('Name of the vault.')
param vaultName string

@description('The signing keys; only their names are used.')
param keys signingKeyType[]

@description('Whether the vault already has the keys. Without them, a built-in role is assigned on the whole vault.')
param hasKeys bool

@description('How the signer may use the vault: custom or builtIn.')
param vaultRole string

@description('Name of the custom role, which must be unique in the tenant.')
param vaultRoleName string

@description('Whether the custom role is defined here. If not, it already exists.')
param definesVaultRole bool

@description('Name of the key for sealed keys in the vault, or empty.')
param sealingKeyName string

@description('Name of the custom role on that key, which must be unique in the tenant.')
param unwrapRoleName string

@description('Name of the storage account of the Functions host.')
param storageName string

@description('Name of the container with the deployed package.')
param packageContainerName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the signer\'s identity.')
param identityName string

@description('Object identifier of the operator, or empty.')
param operatorPrincipalId string

@description('Whether the operator uploads packages to the container.')
param operatorUploadsPackage bool

@description('Whether the signer has a custom role.')
var isCustom = vaultRole == 'custom'

// Built-in roles have the same identifiers everywhere.
@description('Key Vault Reader: sees the keys of a vault.')
var keyVaultReader = '21090545-7ca7-4776-b22c-e363652d74d2'

@description('Key Vault Crypto User: uses a key.')
var keyVaultCryptoUser = '12338af0-0e69-4776-bea7-57ae8d297424'

@description('Key Vault Crypto Service Encryption User: reads a key, wraps and unwraps with it.')
var keyVaultCryptoServiceEncryptionUser = 'e147488a-f6f5-4113-8e2d-b22465e65bf6'

@description('Storage Blob Data Owner: full access to blobs.')
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'

@description('Storage Blob Data Contributor: reads, writes and deletes blobs.')
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

@description('Monitoring Metrics Publisher: sends telemetry.')
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

@description('The keys that the signer may use with a built-in role.')
var keysByBuiltInRole = isCustom || !hasKeys ? [] : keys

resource signingKeys 'Microsoft.KeyVault/vaults/keys@2026-02-01' existing = [
  for key in keysByBuiltInRole: {
    parent: vault
    name: key.name
  }
]

@description('The key for sealed keys, if there is one.')
var sealingKeyNames = empty(sealingKeyName) ? [] : [sealingKeyName]

resource sealingKeys 'Microsoft.KeyVault/vaults/keys@2026-02-01' existing = [
  for name in sealingKeyNames: {
    parent: vault
    name: name
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

@description('Name of the custom role.')
var keySignerRoleId = guid(resourceGroup().id, 'key signer')

// Sees the keys and signs with them, and nothing else: it cannot change, back up, delete or create keys.
resource keySigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (isCustom && definesVaultRole) {
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

// On the vault, which contains nothing but signing keys, so that the signer can list them and finds those created later.
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

// Without a custom role: list the keys of the vault …
resource signerReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!isCustom) {
  scope: vault
  name: guid(vault.id, identity.id, keyVaultReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultReader)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// … and sign with each of the keys in the parameters. No built-in role is narrower, but this one can also change and back up these keys.
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

// … or, where they are yet to be restored, with all keys of the vault, which has no others.
resource signerUsesAll 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!isCustom && !hasKeys) {
  scope: vault
  name: guid(vault.id, identity.id, keyVaultCryptoUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultCryptoUser)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

@description('Name of the custom role on the key for sealed keys.')
var keyUnwrapperRoleId = guid(resourceGroup().id, 'key unwrapper')

// Opens sealed keys, and nothing else. It is assigned on the key, since on the vault it would cover each RSA key that is added.
resource keyUnwrapper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (isCustom && definesVaultRole && !empty(sealingKeyName)) {
  name: keyUnwrapperRoleId
  properties: {
    roleName: unwrapRoleName
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
          'Microsoft.KeyVault/vaults/keys/unwrap/action'
        ]
        notDataActions: []
      }
    ]
  }
}

// The built-in role can also wrap, which reveals nothing and which the key does not permit.
@description('Role of the signer on the key for sealed keys.')
var unwrapRoleId = isCustom ? keyUnwrapperRoleId : keyVaultCryptoServiceEncryptionUser

resource signerUnwraps 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in sealingKeyNames: {
    scope: sealingKeys[i]
    name: guid(vault.id, name, identity.id, unwrapRoleId)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', unwrapRoleId)
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
    }
    dependsOn: [
      keyUnwrapper
    ]
  }
]

// The Functions host reads the package, and stores its leases and function keys in containers that it creates itself.
resource hostStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, identity.id, storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource hostTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: applicationInsights
  name: guid(applicationInsights.id, identity.id, monitoringMetricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The operator can list the keys, but not sign.
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
