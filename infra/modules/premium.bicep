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

@description('Address of the container with the deployed package.')
param packageContainerUrl string

@description('Resource identifier of the subnet for outbound traffic, or null.')
param subnetId string?

@description('Whether the app is reachable only through its private endpoint.')
param isIsolated bool

@description('Rules about addresses that may call the app.')
param accessRules accessRuleType[]

@description('Instances that are always ready.')
param alwaysReady int

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool

// A content share would need a storage key. Without one, Linux runs the package directly from the container, with the identity: to
// deploy, upload a new package under this name, and restart the app.
@description('App settings that this plan needs.')
var planSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'custom'
  WEBSITE_RUN_FROM_PACKAGE: '${packageContainerUrl}/azurehsm-signer.zip'
  WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID: identityId
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  //checkov:skip=CKV_AZURE_225: Zone redundancy needs at least two instances, so the operator chooses it, by a parameter.
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
  //checkov:skip=CKV_AZURE_17: Octez cannot present a client certificate; with the relay, which can, the operator may require one.
  //checkov:skip=CKV_AZURE_212: One instance is the default; the operator can choose more, by a parameter, at the same cost for each.
  //checkov:skip=CKV_AZURE_222: Bakers outside of Azure need the public address; networking "isolated" removes it.
  //checkov:skip=CKV_AZURE_213: The signer is unhealthy when vault or database are, and so would another instance be.
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
    // Required, since with the other modes the platform also forwards certificates whose private key the client does not have.
    clientCertEnabled: !empty(settings.?CLIENT_CERTIFICATES)
    clientCertMode: 'Required'
    clientAffinityEnabled: false
    publicNetworkAccess: isIsolated ? 'Disabled' : 'Enabled'
    virtualNetworkSubnetId: subnetId
    outboundVnetRouting: {
      allTraffic: true
    }
    siteConfig: {
      // A host without a language runtime: the program needs none.
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
