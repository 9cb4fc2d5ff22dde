// The function app on the Elastic Premium plan: instances that never pause, for several times the price.

import { accessRuleType, textsType } from '../types.bicep'

@description('Name of the app.')
param name string

@description('Name of the plan.')
param planName string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Tags of the app alone.')
param appTags textsType

@description('Resource identifier of the identity.')
param identityId string

@description('App settings by name.')
param settings textsType

@description('Address of the container that holds the deployed package.')
param packageContainerUrl string

@description('Resource identifier of the subnet that outbound traffic comes from, or nothing.')
param subnetId string?

@description('Whether the app is reached by its private endpoint alone.')
param isIsolated bool

@description('Rules on which addresses may call the app.')
param accessRules accessRuleType[]

@description('Instances that are always there.')
param alwaysReady int

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool

// A content share would need a storage key. Without it, Linux runs the package straight from the container, by the identity: a new
// package is uploaded under this name, and the app restarted.
@description('App settings that this plan needs.')
var planSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'custom'
  WEBSITE_RUN_FROM_PACKAGE: '${packageContainerUrl}/azurehsm-signer.zip'
  WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID: identityId
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  //checkov:skip=CKV_AZURE_225: Zone redundancy needs at least two instances, so it is the operator's choice, by a parameter.
  name: planName
  location: location
  tags: tags
  kind: 'elastic'
  sku: {
    name: 'EP1'
    tier: 'ElasticPremium'
    capacity: alwaysReady
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
    maximumElasticWorkerCount: 20
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  //checkov:skip=CKV_AZURE_17: Octez cannot present a client certificate; a request needs the function key, and may need its own signature.
  //checkov:skip=CKV_AZURE_212: One instance is the default and the operator's choice by a parameter, since each costs the same again.
  //checkov:skip=CKV_AZURE_222: Bakers outside of Azure need the public address; networking "isolated" takes it away.
  //checkov:skip=CKV_AZURE_213: The signer is not well when the vault or the database is not, and another instance would not be either.
  name: name
  location: location
  tags: union(tags, appTags)
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    reserved: true
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: isIsolated ? 'Disabled' : 'Enabled'
    virtualNetworkSubnetId: subnetId
    outboundVnetRouting: {
      allTraffic: true
    }
    siteConfig: {
      // A host without a language: the program brings all that it needs.
      linuxFxVersion: 'CUSTOM'
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      minimumElasticInstanceCount: alwaysReady
      preWarmedInstanceCount: 1
      ipSecurityRestrictions: accessRules
      ipSecurityRestrictionsDefaultAction: empty(accessRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictions: accessRules
      scmIpSecurityRestrictionsDefaultAction: empty(accessRules) ? 'Allow' : 'Deny'
      appSettings: [
        for setting in items(union(settings, planSettings)): {
          name: setting.key
          value: setting.value
        }
      ]
    }
  }
}

resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}
