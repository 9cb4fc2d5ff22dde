// The function app on the Flex Consumption plan.

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

@description('Memory of an instance, in MB.')
param instanceMemory int

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  //checkov:skip=CKV_AZURE_225: Zone redundancy doubles what always-ready instances cost, so the operator chooses it, by a parameter.
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  //checkov:skip=CKV_AZURE_17: Octez cannot present a client certificate; with the relay, which can, the operator may require one.
  //checkov:skip=CKV_AZURE_212: One instance is the default; the operator can choose more, by a parameter, at the same cost for each.
  //checkov:skip=CKV_AZURE_222: Bakers outside of Azure need the public address; networking "isolated" removes it.
  //checkov:skip=CKV_AZURE_78: This plan has no FTP, and refuses the property that would disable it.
  //checkov:skip=CKV_AZURE_213: This plan has no health check.
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
    httpsOnly: true
    // Required, since with the other modes the platform also forwards certificates whose private key the client does not have.
    clientCertEnabled: !empty(settings.?CLIENT_CERTIFICATES)
    clientCertMode: 'Required'
    clientAffinityEnabled: false
    publicNetworkAccess: isIsolated ? 'Disabled' : 'Enabled'
    virtualNetworkSubnetId: subnetId
    functionAppConfig: {
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        // All HTTP functions scale together, as the group named http.
        alwaysReady: [
          {
            name: 'http'
            instanceCount: alwaysReady
          }
        ]
        // One instance can serve many bakers; a new one would first have to start and acquire tokens.
        triggers: {
          http: {
            perInstanceConcurrency: 100
          }
        }
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: 40
      }
    }
    // This plan refuses ftpsState (it has no FTP) and other properties of a site's configuration that do not apply to it.
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictions: accessRules
      ipSecurityRestrictionsDefaultAction: empty(accessRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictions: accessRules
      scmIpSecurityRestrictionsDefaultAction: empty(accessRules) ? 'Allow' : 'Deny'
      appSettings: [
        for setting in items(settings): {
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
