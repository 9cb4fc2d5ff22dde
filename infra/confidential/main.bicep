// An alternative to the function app, for sealed keys only: everything that a signer in confidential containers needs, except the
// containers (containers.bicep) and the key that is released to them, which cannot be created here: docs/confidential.md has the order.
//   az deployment group create --resource-group <group> --template-file infra/confidential/main.bicep --parameters environmentName=<name>

@description('Name of the environment, such as mainnet. It is part of the tags and names of all resources.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of all resources, which must have confidential containers.')
param location string = resourceGroup().location

@description('A second region for the marks and the sealed keys, or empty.')
param secondRegion string = ''

@description('Addresses (IPv4, as CIDR, such as 203.0.113.7/32) from which operators reach the vault and the database. Empty: only the signer does.')
param allowedAddresses string[] = []

@description('Addresses of the virtual network. They must not overlap with the networks of the bakers, which are connected to it.')
param networkPrefix string = '10.92.0.0/24'

@description('Email address for alerts. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('Object identifier of a user, group or service principal who raises, lists and imports marks. Empty: nobody.')
param operatorPrincipalId string = ''

@description('Object identifiers of users, groups or service principals who may store, replace and list sealed keys.')
param sealedKeyWriters string[] = []

@description('Whether vault and database are locked against deletion.')
param protectFromDeletion bool = true

@description('Suffix that makes names unique.')
var token = uniqueString(resourceGroup().id, environmentName, 'confidential')

@description('Tags of all resources.')
var tags = {
  'azd-env-name': environmentName
}

@description('Prefix of the names of all alerts.')
var namePrefix = 'tezos-signer-${environmentName}'

// Defined here, since a preview of the deployment cannot resolve names that depend on a module's outputs.
@description('Name of the identity.')
var identityName = 'id-signer-${token}'

@description('Name of the virtual network.')
var networkName = 'vnet-signer-${token}'

@description('Name of the vault.')
var vaultName = 'kv-${token}'

@description('Name of the account with the database.')
var accountName = 'cosmos-signer-${token}'

@description('Name of the database.')
var databaseName = 'signer'

@description('The private DNS zones: of the vault and of the database.')
var zones = ['privatelink.vaultcore.azure.net', 'privatelink.documents.azure.com']

module identity '../modules/identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module network 'network.bicep' = {
  params: {
    name: networkName
    location: location
    tags: tags
    addressPrefix: networkPrefix
    containerSubnetPrefix: cidrSubnet(networkPrefix, 26, 0)
    endpointSubnetPrefix: cidrSubnet(networkPrefix, 27, 2)
  }
}

module monitoring '../modules/monitoring.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceName: 'log-signer-${token}'
    applicationInsightsName: 'appi-signer-${token}'
    actionGroupName: 'ag-signer-${token}'
    alertEmail: alertEmail
  }
}

// The key that is released is added later, with az: a template cannot make its release policy immutable.
module vault '../modules/vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: tags
    keys: []
    sealingKeyName: ''
    markStore: ''
    appSubnetId: network.outputs.containerSubnetId
    networking: 'private'
    allowedAddresses: allowedAddresses
    protectFromDeletion: protectFromDeletion
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'roles.bicep' = {
  params: {
    vaultName: vaultName
    identityName: identityName
    readRoleName: 'Tezos key reader ${token}'
    releaseRoleName: 'Tezos key releaser ${token}'
  }
  dependsOn: [
    identity
    vault
  ]
}

module cosmos '../modules/cosmos.bicep' = {
  params: {
    name: accountName
    location: location
    tags: tags
    secondRegion: secondRegion
    thirdRegion: ''
    writesInSecondRegion: false
    zoneRedundant: false
    serviceManagedFailover: false
    databaseCapacity: 'autoscale'
    maxThroughput: 1000
    databaseName: databaseName
    containerName: 'marks'
    observe: false
    appSubnetIds: []
    networking: 'private'
    allowedAddresses: allowedAddresses
    identityNames: [
      identityName
    ]
    operatorPrincipalId: operatorPrincipalId
    protectFromDeletion: protectFromDeletion
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [
    identity
  ]
}

module sealedKeyStore '../modules/sealedKeys.bicep' = {
  params: {
    accountName: accountName
    tags: tags
    databaseName: databaseName
    containerName: 'keys'
    databaseCapacity: 'autoscale'
    identityNames: [
      identityName
    ]
    writers: sealedKeyWriters
  }
  dependsOn: [
    cosmos
  ]
}

module privateZones '../modules/privateZone.bicep' = [
  for zone in zones: {
    params: {
      name: zone
      tags: tags
      links: [
        {
          name: 'confidential-${token}'
          networkId: resourceId('Microsoft.Network/virtualNetworks', networkName)
        }
      ]
    }
    dependsOn: [
      network
    ]
  }
]

module vaultEndpoint '../modules/privateEndpoint.bicep' = {
  params: {
    name: 'pe-vault-${token}'
    location: location
    tags: tags
    serviceId: vault.outputs.id
    groupId: 'vault'
    zoneId: privateZones[0].outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

// The account accepts one change at a time.
module cosmosEndpoint '../modules/privateEndpoint.bicep' = {
  params: {
    name: 'pe-cosmos-${token}'
    location: location
    tags: tags
    serviceId: cosmos.outputs.id
    groupId: 'Sql'
    zoneId: privateZones[1].outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
  dependsOn: [
    sealedKeyStore
  ]
}

module alerts 'alerts.bicep' = {
  params: {
    location: location
    tags: tags
    namePrefix: namePrefix
    actionGroupId: monitoring.outputs.actionGroupId
    workspaceId: monitoring.outputs.workspaceId
    signerPrincipalId: identity.outputs.principalId
  }
}

module databaseAlerts '../modules/databaseAlerts.bicep' = {
  params: {
    tags: tags
    namePrefix: namePrefix
    actionGroupId: monitoring.outputs.actionGroupId
    cosmosAccountId: cosmos.outputs.id
  }
}

module changeAlerts '../modules/changeAlerts.bicep' = {
  params: {
    tags: tags
    namePrefix: namePrefix
    actionGroupId: monitoring.outputs.actionGroupId
  }
}

// The outputs have the names of parameters of containers.bicep.
@description('Name of the vault.')
output vaultName string = vaultName

@description('Address of the vault.')
output keyVaultUrl string = vault.outputs.url

@description('Address of the account with the marks and the sealed keys.')
output cosmosEndpoint string = cosmos.outputs.endpoint

@description('Resource identifier of the subnet of the containers.')
output subnetId string = network.outputs.containerSubnetId

@description('Resource identifier of the identity.')
output identityId string = identity.outputs.id

@description('Client identifier of the identity.')
output clientId string = identity.outputs.clientId

@description('Object identifier of the identity.')
output principalId string = identity.outputs.principalId

@description('Resource identifier of the role that permits the release of the key.')
output releaseRoleId string = roles.outputs.releaseRoleId
