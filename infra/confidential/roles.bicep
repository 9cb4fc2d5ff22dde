// Roles of the signer in confidential containers on the vault. That on the key is assigned in containers.bicep, since the key does not
// exist yet.

@description('Name of the vault.')
param vaultName string

@description('Name of the signer\'s identity.')
param identityName string

@description('Name of the role that reads keys, which must be unique in the tenant.')
param readRoleName string

@description('Name of the role for the release of a key, which must be unique in the tenant.')
param releaseRoleName string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

@description('Name of the role that reads keys.')
var readRoleId = guid(resourceGroup().id, 'confidential key reader')

// The signer lists the keys of its vault. It finds none that signs.
resource keyReader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: readRoleId
  properties: {
    roleName: readRoleName
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
        ]
        notDataActions: []
      }
    ]
  }
}

resource signerReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identity.id, readRoleId)
  properties: {
    roleDefinitionId: keyReader.id
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

// The vault compares the attestation of the caller with the policy of the key. The signer cannot use the key in any other way.
resource keyReleaser 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'confidential key releaser')
  properties: {
    roleName: releaseRoleName
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/release/action'
        ]
        notDataActions: []
      }
    ]
  }
}

@description('Resource identifier of the role for the release of a key.')
output releaseRoleId string = keyReleaser.id
