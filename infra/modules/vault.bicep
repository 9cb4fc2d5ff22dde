// The vault, and the keys in its hardware security modules: signing keys, and the one for sealed keys.

import { signingKeyType, textsType } from '../types.bicep'

@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('The signing keys: a name, and the curve P-256 (a tz3 address) or P-256K (tz2).')
param keys signingKeyType[]

@description('Name of the key that unwraps the data keys of sealed keys, or empty.')
param sealingKeyName string

@description('The mark store of these keys: <host of the Cosmos DB account>/<database>/<container>.')
param markStore string

@description('Resource identifier of the subnet of the app.')
param appSubnetId string

@description('Networking mode: private, public, isolated or serviceEndpoints, as described in main.bicep.')
param networking string

@description('Addresses (IPv4, CIDR) from which operators reach the vault.')
param allowedAddresses string[]

@description('Whether the vault is locked against deletion.')
param protectFromDeletion bool

@description('Resource identifier of the workspace for audit logs.')
param workspaceId string

@description('Whether it is reachable from the internet: from all addresses, or from those in the list.')
var isReachable = networking == 'public' || networking == 'serviceEndpoints' || operatorsGetIn

@description('Whether the list of addresses admits operators.')
var operatorsGetIn = networking == 'private' && !empty(allowedAddresses)

@description('Allowed addresses.')
var addresses = networking == 'public' ? [] : allowedAddresses

@description('The rule that admits the subnet of the app.')
var appRule = {
  id: appSubnetId
}

@description('Subnets that are admitted through service endpoints.')
var subnetRules = networking == 'serviceEndpoints' ? [appRule] : []

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  //checkov:skip=CKV_AZURE_109: Denied by default in every mode but public, where the operator chose roles and TLS only.
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      // The standard tier has no hardware security module.
      name: 'premium'
    }
    enableRbacAuthorization: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    // A baker who loses a key loses its address. Once enabled, purge protection cannot be disabled.
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: isReachable ? 'Enabled' : 'Disabled'
    networkAcls: {
      // Not even Azure's own services: Resource Manager creates the keys below through the vault's management plane, to which
      // these rules do not apply.
      bypass: 'None'
      defaultAction: networking == 'public' ? 'Allow' : 'Deny'
      virtualNetworkRules: subnetRules
      ipRules: [
        for address in addresses: {
          value: address
        }
      ]
    }
  }
}

// With this tag, a signer with another mark store signs no block or vote with the key. `azurehsm-signer marks bind` adds the
// container's own id, which is not known here.
@description('Tags of the keys.')
var keyTags = union(tags, {
  'signer-marks': markStore
})

// Resource Manager creates the first version of a key and never touches it again: later changes, such as disabling a key in an
// emergency, are not undone by the next deployment. For the same reason, `enabled` is not set here.
resource signingKeys 'Microsoft.KeyVault/vaults/keys@2026-02-01' = [
  for key in keys: {
    //checkov:skip=CKV_AZURE_40: A key that expires stops the baker, and its successor has another Tezos address.
    parent: vault
    name: key.name
    tags: keyTags
    properties: {
      kty: 'EC-HSM'
      curveName: key.curve
      keyOps: [
        'sign'
        'verify'
      ]
      // No rotation policy either: a new version is a new public key, and so another Tezos address.
    }
  }
]

@description('The key for sealed keys, if there is one.')
var sealingKeyNames = empty(sealingKeyName) ? [] : [sealingKeyName]

// Each vault has its own: a sealed key has a recipient in each. Sealing takes the public key only, so nobody needs to wrap.
resource sealingKeys 'Microsoft.KeyVault/vaults/keys@2026-02-01' = [
  for sealingName in sealingKeyNames: {
    //checkov:skip=CKV_AZURE_40: Sealed keys could no longer be opened once it expires.
    parent: vault
    name: sealingName
    tags: tags
    properties: {
      kty: 'RSA-HSM'
      keySize: 4096
      keyOps: [
        'unwrapKey'
      ]
      // No rotation policy: sealed keys name a version.
    }
  }
]

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (protectFromDeletion) {
  scope: vault
  name: 'signing-keys'
  properties: {
    level: 'CanNotDelete'
    notes: 'Contains the keys of a Tezos baker.'
  }
}

// A preview version, but in general use: the only stable version, from 2016, cannot send the log to a resource-specific table.
#disable-next-line use-recent-api-versions
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'service'
  properties: {
    workspaceId: workspaceId
    // To the table AZKVAuditLogs, which the alerts read, and not to AzureDiagnostics.
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

@description('Resource identifier of the vault.')
output id string = vault.id

@description('Address of the vault.')
output url string = vault.properties.vaultUri
