// The vault, and the signing keys in its hardware security modules.

import { signingKeyType, textsType } from '../types.bicep'

@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('The signing keys: a name, and the curve P-256 (a tz3 address) or P-256K (tz2).')
param keys signingKeyType[]

@description('Where the marks of these keys are: <host of the Cosmos DB account>/<database>/<container>.')
param markStore string

@description('Resource identifier of the subnet that the signer calls from.')
param appSubnetId string

@description('How it is reached: private, public, isolated or serviceEndpoints, as main.bicep explains them.')
param networking string

@description('Addresses (IPv4, CIDR) from which operators reach the vault.')
param allowedAddresses string[]

@description('Whether the vault is locked against deletion.')
param protectFromDeletion bool

@description('Resource identifier of the workspace that audit logs go to.')
param workspaceId string

@description('Whether addresses on the internet get in: all, or those in the list.')
var isReachable = networking == 'public' || networking == 'serviceEndpoints' || operatorsGetIn

@description('Whether the list of addresses lets in operators.')
var operatorsGetIn = networking == 'private' && !empty(allowedAddresses)

@description('Addresses that get in.')
var addresses = networking == 'public' ? [] : allowedAddresses

@description('The rule that lets in the subnet of the app.')
var appRule = {
  id: appSubnetId
}

@description('Subnets that get in by their service endpoint.')
var subnetRules = networking == 'serviceEndpoints' ? [appRule] : []

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  //checkov:skip=CKV_AZURE_109: Denied by default in every mode but public, where the operator chose roles and TLS alone.
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
    // A deleted key is a baker without its address. Once on, purge protection cannot be turned off.
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: isReachable ? 'Enabled' : 'Disabled'
    networkAcls: {
      // Not even Azure's own services: Resource Manager makes the keys below on the vault's management side, where these rules do
      // not apply.
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

// With this tag no signer with another mark store signs a block or vote with the key. `azurehsm-signer marks bind` adds the
// container's own id, which is not known here.
@description('Tags of the keys.')
var keyTags = union(tags, {
  'signer-marks': markStore
})

// Resource Manager makes the first version of a key and never touches it again: what is changed later, such as disabling a key in an
// emergency, is not undone by the next deployment. For the same reason `enabled` is not said here.
resource signingKeys 'Microsoft.KeyVault/vaults/keys@2026-02-01' = [
  for key in keys: {
    //checkov:skip=CKV_AZURE_40: A key that expires stops the baker, and its successor is another Tezos address.
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

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (protectFromDeletion) {
  scope: vault
  name: 'signing-keys'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the keys of a Tezos baker.'
  }
}

// A preview, and yet what everybody uses: the only stable version, of 2016, cannot send the log to a table of its type.
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
