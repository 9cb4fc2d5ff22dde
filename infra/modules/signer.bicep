// The signer in one region: a function app, the vault, the storage account of the Functions host, and the roles of the app's identity.

import { accessRuleType, authenticationType, policyType, signerSettingsType, signingKeyType, textsType } from '../types.bicep'

@description('Suffix that makes names unique.')
param token string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Tags of the app alone.')
param appTags textsType

@description('Name of the function app.')
param appName string

@description('Name of the signer\'s identity.')
param identityName string

@description('Name of the vault.')
param vaultName string

@description('Name of the storage account.')
param storageName string

@description('The signing keys.')
param keys signingKeyType[]

@description('Whether the keys are created. If not, they are restored into the vault from a backup.')
param createsKeys bool

@description('The mark store of the keys: <host of the Cosmos DB account>/<database>/<container>.')
param markStore string

@description('How the signer may use the vault: custom or builtIn.')
param vaultRole string

@description('Name of the custom role, which must be unique in the tenant.')
param vaultRoleName string

@description('Name of the key for sealed keys, or empty.')
param sealingKeyName string

@description('Name of the custom role on that key, which must be unique in the tenant.')
param unwrapRoleName string

@description('Object identifier of the operator, or empty.')
param operatorPrincipalId string

@description('Whether the vault is locked against deletion.')
param protectFromDeletion bool

@description('Whether the plan is Flex Consumption.')
param isFlex bool

@description('Instances that are always ready.')
param alwaysReady int

@description('Memory of an instance on the flex plan, in MB.')
param instanceMemory int

@description('Whether app and storage account are spread over availability zones.')
param zoneRedundant bool

@description('Networking mode: private, public, isolated or serviceEndpoints, as described in main.bicep.')
param networking string

@description('Addresses (IPv4, CIDR) from which operators reach the vault.')
param allowedAddresses string[]

@description('Rules about addresses that may call the app.')
param accessRules accessRuleType[]

@description('Resource identifier of the subnet of the app.')
param appSubnetId string

@description('Resource identifier of the subnet for private endpoints.')
param endpointSubnetId string

@description('Name of the container with the deployed package.')
param packageContainerName string

@description('Address of the account with the marks.')
param cosmosEndpoint string

@description('Name of the database.')
param cosmosDatabase string

@description('Name of the container with the marks.')
param cosmosContainer string

@description('Name of the container with sealed keys, or empty.')
param sealedKeysContainer string

@description('Tezos nodes that report the head of the chain.')
param nodeUrls string[]

@description('What each key may sign.')
param policy policyType

@description('Public keys, one of which must sign every request.')
param authorizedKeys string[]

@description('Who may call the app with a token of Microsoft Entra ID; empty: nobody needs one.')
param authentication authenticationType

@description('Settings of the signer by name.')
param signerSettings signerSettingsType

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Connection string for telemetry.')
param applicationInsightsConnectionString string

@description('Resource identifier of the workspace for logs.')
param workspaceId string

@description('Days during which the history of signatures can neither be changed nor deleted; 0: there is no history.')
param auditRetentionDays int

@description('Name of the custom role for the history, which must be unique in the tenant.')
param auditRoleName string

@description('Whether the vault has a private endpoint.')
var hasPrivateEndpoints = networking == 'private' || networking == 'isolated'

@description('Whether app and storage account have one too, and nothing is reachable over the internet.')
var isIsolated = networking == 'isolated'

@description('The subnet that the app is connected to, if it needs one.')
var connectedSubnetId = networking == 'public' ? null : appSubnetId

@description('Whether there is a history of signatures.')
var hasHistory = auditRetentionDays > 0

// Defined here, since a conditional module cannot provide it.
@description('Name of the storage account with the history.')
var auditStorageName = '${storageName}audit'

@description('Address of the blob service of that account.')
var auditUrl = 'https://${auditStorageName}.blob.${environment().suffixes.storage}'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

module vault 'vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: tags
    keys: createsKeys ? keys : []
    sealingKeyName: sealingKeyName
    markStore: markStore
    appSubnetId: appSubnetId
    networking: networking
    allowedAddresses: allowedAddresses
    protectFromDeletion: protectFromDeletion
    workspaceId: workspaceId
  }
}

module storage 'storage.bicep' = {
  params: {
    name: storageName
    location: location
    tags: tags
    packageContainerName: packageContainerName
    zoneRedundant: zoneRedundant
    isIsolated: isIsolated
    workspaceId: workspaceId
  }
}

module roles 'roles.bicep' = {
  params: {
    vaultName: vaultName
    keys: keys
    hasKeys: createsKeys
    vaultRole: vaultRole
    vaultRoleName: vaultRoleName
    definesVaultRole: createsKeys
    sealingKeyName: sealingKeyName
    unwrapRoleName: unwrapRoleName
    storageName: storageName
    packageContainerName: packageContainerName
    applicationInsightsName: applicationInsightsName
    identityName: identityName
    operatorPrincipalId: operatorPrincipalId
    operatorUploadsPackage: !isFlex
  }
  dependsOn: [
    storage
    vault
  ]
}

module audit 'audit.bicep' = if (hasHistory) {
  params: {
    name: auditStorageName
    location: location
    tags: tags
    retentionDays: auditRetentionDays
    zoneRedundant: zoneRedundant
    isIsolated: isIsolated
    hasCustomRole: vaultRole == 'custom'
    roleName: auditRoleName
    definesRole: createsKeys
    identityName: identityName
    operatorPrincipalId: operatorPrincipalId
  }
}

module settings 'settings.bicep' = {
  params: {
    keyVaultUrl: vault.outputs.url
    cosmosEndpoint: cosmosEndpoint
    cosmosDatabase: cosmosDatabase
    cosmosContainer: cosmosContainer
    sealedKeysContainer: sealedKeysContainer
    clientId: identity.properties.clientId
    nodeUrls: nodeUrls
    policy: policy
    authorizedKeys: authorizedKeys
    signerSettings: signerSettings
    blobUrl: storage.outputs.blobUrl
    auditContainerUrl: hasHistory ? '${auditUrl}/audit' : ''
    applicationInsightsConnectionString: applicationInsightsConnectionString
  }
}

module flex 'flex.bicep' = if (isFlex) {
  params: {
    name: appName
    planName: 'plan-signer-${token}'
    location: location
    tags: tags
    appTags: appTags
    identityId: identity.id
    settings: settings.outputs.settings
    packageContainerUrl: storage.outputs.packageContainerUrl
    subnetId: connectedSubnetId
    isIsolated: isIsolated
    accessRules: accessRules
    alwaysReady: alwaysReady
    instanceMemory: instanceMemory
    zoneRedundant: zoneRedundant
  }
  // An app that started earlier would find neither its package nor the services in its settings.
  dependsOn: [
    roles
    vaultEndpoint
    storageEndpoint
  ]
}

module premium 'premium.bicep' = if (!isFlex) {
  params: {
    name: appName
    planName: 'plan-signer-premium-${token}'
    location: location
    tags: tags
    appTags: appTags
    identityId: identity.id
    settings: settings.outputs.settings
    packageContainerUrl: storage.outputs.packageContainerUrl
    subnetId: connectedSubnetId
    isIsolated: isIsolated
    accessRules: accessRules
    alwaysReady: alwaysReady
    zoneRedundant: zoneRedundant
  }
  // An app that started earlier would find neither its package nor the services in its settings.
  dependsOn: [
    roles
    vaultEndpoint
    storageEndpoint
  ]
}

module access 'authentication.bicep' = if (!empty(authentication)) {
  params: {
    appName: appName
    authentication: authentication
  }
  dependsOn: [
    flex
    premium
  ]
}

// All signers share these zones, so they are created before this module.
module vaultEndpoint 'privateEndpoint.bicep' = if (hasPrivateEndpoints) {
  params: {
    name: 'pe-vault-${token}'
    location: location
    tags: tags
    serviceId: vault.outputs.id
    groupId: 'vault'
    zoneId: resourceId('Microsoft.Network/privateDnsZones', 'privatelink.vaultcore.azure.net')
    subnetId: endpointSubnetId
  }
}

module storageEndpoint 'privateEndpoint.bicep' = if (isIsolated) {
  params: {
    name: 'pe-storage-${token}'
    location: location
    tags: tags
    serviceId: storage.outputs.id
    groupId: 'blob'
    zoneId: resourceId('Microsoft.Network/privateDnsZones', 'privatelink.blob.${environment().suffixes.storage}')
    subnetId: endpointSubnetId
  }
}

module auditEndpoint 'privateEndpoint.bicep' = if (isIsolated && hasHistory) {
  params: {
    name: 'pe-audit-${token}'
    location: location
    tags: tags
    serviceId: resourceId('Microsoft.Storage/storageAccounts', auditStorageName)
    groupId: 'blob'
    zoneId: resourceId('Microsoft.Network/privateDnsZones', 'privatelink.blob.${environment().suffixes.storage}')
    subnetId: endpointSubnetId
  }
  dependsOn: [
    audit
  ]
}

module appEndpoint 'privateEndpoint.bicep' = if (isIsolated) {
  params: {
    name: 'pe-app-${token}'
    location: location
    tags: tags
    serviceId: resourceId('Microsoft.Web/sites', appName)
    groupId: 'sites'
    zoneId: resourceId('Microsoft.Network/privateDnsZones', 'privatelink.azurewebsites.net')
    subnetId: endpointSubnetId
  }
  dependsOn: [
    flex
    premium
  ]
}

@description('Resource identifier of the vault.')
output vaultId string = vault.outputs.id

@description('Address of the vault.')
output vaultUrl string = vault.outputs.url
