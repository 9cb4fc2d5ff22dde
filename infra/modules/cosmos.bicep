// The database of the marks, which record the highest level and round that each key has signed.

import { textsType } from '../types.bicep'

@description('Name of the account.')
param name string

@description('The first region, which is the write region unless the second one is.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('A second region with a copy, or empty.')
param secondRegion string

@description('A third region with a copy, or empty.')
param thirdRegion string

@description('Whether the second region is the write region now: set this after a failover to it, or the next deployment moves writes back.')
param writesInSecondRegion bool

@description('Whether the first region is spread over availability zones.')
param zoneRedundant bool

@description('Whether Azure may automatically make the second region the write region if the first is lost.')
param serviceManagedFailover bool

@description('How the database is billed: autoscale, serverless or freeTier, as described in main.bicep.')
param databaseCapacity string

@description('Maximum request units per second; at least a tenth of it is billed.')
param maxThroughput int

@description('Name of the database.')
param databaseName string

@description('Name of the container.')
param containerName string

@description('Whether the marks are those of an observer, which never permit a signature.')
param observe bool

@description('Resource identifiers of the subnets of the apps.')
param appSubnetIds string[]

@description('Networking mode: private, public, isolated or serviceEndpoints, as described in main.bicep.')
param networking string

@description('Addresses (IPv4, CIDR) from which operators reach the account.')
param allowedAddresses string[]

@description('Names of the signers\' identities.')
param identityNames string[]

@description('Object identifier of the operator, or empty.')
param operatorPrincipalId string

@description('Whether the account is locked against deletion.')
param protectFromDeletion bool

@description('Resource identifier of the workspace for logs.')
param workspaceId string

// Priority 0 is the write region. Deploying another one than the current one is itself a failover.
@description('Whether the second region is the write region.')
var writesMoved = writesInSecondRegion && !empty(secondRegion)

@description('Whether the account is billed by request.')
var isServerless = databaseCapacity == 'serverless'

@description('Throughput of the container. A serverless account has none.')
var throughput = {
  autoscaleSettings: {
    maxThroughput: maxThroughput
  }
}

@description('The capability that makes an account serverless.')
var serverless = {
  name: 'EnableServerless'
}

@description('The first region.')
var firstLocation = {
  locationName: location
  failoverPriority: writesMoved ? 1 : 0
  isZoneRedundant: zoneRedundant
}

@description('The second region, if there is one.')
var secondLocation = {
  locationName: secondRegion
  failoverPriority: writesInSecondRegion ? 0 : 1
  isZoneRedundant: false
}

@description('The third region, if there is one.')
var thirdLocation = {
  locationName: thirdRegion
  failoverPriority: 2
  isZoneRedundant: false
}

@description('All regions but the first one.')
var otherLocations = concat(empty(secondRegion) ? [] : [secondLocation], empty(thirdRegion) ? [] : [thirdLocation])

@description('Whether it is reachable from the internet: from all addresses, or from those in the list.')
var isReachable = networking == 'public' || networking == 'serviceEndpoints' || operatorsGetIn

@description('Whether the list of addresses admits operators.')
var operatorsGetIn = networking == 'private' && !empty(allowedAddresses)

@description('Allowed addresses.')
var addresses = networking == 'public' ? [] : allowedAddresses

@description('Subnets that are admitted through service endpoints.')
var admittedSubnetIds = networking == 'serviceEndpoints' ? appSubnetIds : []

resource identities 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = [
  for name in identityNames: {
    name: name
  }
]

resource account 'Microsoft.DocumentDB/databaseAccounts@2026-03-15' = {
  //checkov:skip=CKV_AZURE_101: Closed by default; otherwise open to the operator's addresses, or as the operator chose with the parameter networking.
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    // An acknowledged mark must be in every region before a signature leaves. The signer refuses to sign with anything less.
    consistencyPolicy: {
      defaultConsistencyLevel: 'Strong'
    }
    // Two write regions could each accept a different mark for the same level.
    enableMultipleWriteLocations: false
    // A strong write waits for all regions, so no mark is lost in a failover. Still it is off by default: losing a region stops all
    // writes until that region is removed, and a person who knows the state of the baker should make that choice.
    enableAutomaticFailover: serviceManagedFailover
    locations: concat([firstLocation], otherLocations)
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: isReachable ? 'Enabled' : 'Disabled'
    networkAclBypass: 'None'
    isVirtualNetworkFilterEnabled: networking == 'serviceEndpoints'
    virtualNetworkRules: [
      for id in admittedSubnetIds: {
        id: id
      }
    ]
    ipRules: [
      for address in addresses: {
        ipAddressOrRange: address
      }
    ]
    // A restore creates a new account, whose marks are older than the last signatures: raise them before using it.
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: {
        tier: 'Continuous7Days'
      }
    }
    // Votes of several keys arrive in the same second.
    enableBurstCapacity: !isServerless
    capabilities: isServerless ? [serverless] : []
    enableFreeTier: databaseCapacity == 'freeTier'
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2026-03-15' = {
  parent: account
  name: databaseName
  tags: tags
  properties: {
    resource: {
      id: databaseName
    }
  }
}

// A vote or a block is one conditional write of about 1 kB: some 10 request units. A key makes up to three per level, and a second
// baker that shares the key requests the same three. So one key needs some 60 units in its busiest second, and ten keys 600. Autoscale
// to 1000 covers that and is billed from 100 upwards, which costs less than the smallest fixed throughput (400) as long as the busiest
// second of most hours stays below 260.
resource container 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2026-03-15' = {
  parent: database
  name: containerName
  tags: tags
  properties: {
    resource: {
      id: containerName
      partitionKey: {
        kind: 'Hash'
        // It cannot be changed, so a container is permanently a signer's or an observer's.
        paths: [
          observe ? '/observed_pkh' : '/pkh'
        ]
        version: 2
      }
      // Marks are read and written by identifier, never queried, so any index would only make writes more expensive.
      indexingPolicy: {
        indexingMode: 'none'
        automatic: false
      }
      // No defaultTtl: an expired mark would allow a second signature.
    }
    options: isServerless ? {} : throughput
  }
}

// Without deletion or listing: an attacker who takes over the signer cannot remove a mark.
resource markWriter 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'mark writer')
  properties: {
    roleName: 'Mark writer'
    type: 'CustomRole'
    assignableScopes: [
      account.id
    ]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/replace'
        ]
      }
    ]
  }
  // The account accepts one change at a time, here and below.
  dependsOn: [
    container
  ]
}

// The signer reads consistency and regions of the account before it trusts it, which is outside the container.
resource accountReader 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'account reader')
  properties: {
    roleName: 'Account reader'
    type: 'CustomRole'
    assignableScopes: [
      account.id
    ]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
        ]
      }
    ]
  }
  dependsOn: [
    markWriter
  ]
}

// An export of all marks is a query. Only the operator gets this role, since the signer needs no queries.
resource markLister 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'mark lister')
  properties: {
    roleName: 'Mark lister'
    type: 'CustomRole'
    assignableScopes: [
      account.id
    ]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
        ]
      }
    ]
  }
  dependsOn: [
    accountReader
  ]
}

@batchSize(1)
resource signerWrites 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = [
  for (name, i) in identityNames: {
    parent: account
    name: guid(account.id, 'mark writer', resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', name))
    properties: {
      roleDefinitionId: markWriter.id
      principalId: identities[i].properties.principalId
      scope: '${account.id}/dbs/${databaseName}/colls/${containerName}'
    }
    dependsOn: [
      markLister
    ]
  }
]

@batchSize(1)
resource signerReads 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = [
  for (name, i) in identityNames: {
    parent: account
    name: guid(account.id, 'account reader', resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', name))
    properties: {
      roleDefinitionId: accountReader.id
      principalId: identities[i].properties.principalId
      scope: account.id
    }
    dependsOn: [
      signerWrites
    ]
  }
]

resource operatorWrites 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = if (!empty(operatorPrincipalId)) {
  parent: account
  name: guid(account.id, 'mark writer', operatorPrincipalId)
  properties: {
    roleDefinitionId: markWriter.id
    principalId: operatorPrincipalId
    scope: '${account.id}/dbs/${databaseName}/colls/${containerName}'
  }
  dependsOn: [
    signerReads
  ]
}

resource operatorReads 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = if (!empty(operatorPrincipalId)) {
  parent: account
  name: guid(account.id, 'account reader', operatorPrincipalId)
  properties: {
    roleDefinitionId: accountReader.id
    principalId: operatorPrincipalId
    scope: account.id
  }
  dependsOn: [
    operatorWrites
  ]
}

resource operatorLists 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = if (!empty(operatorPrincipalId)) {
  parent: account
  name: guid(account.id, 'mark lister', operatorPrincipalId)
  properties: {
    roleDefinitionId: markLister.id
    principalId: operatorPrincipalId
    scope: '${account.id}/dbs/${databaseName}/colls/${containerName}'
  }
  dependsOn: [
    operatorReads
  ]
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (protectFromDeletion) {
  scope: account
  name: 'marks'
  properties: {
    level: 'CanNotDelete'
    notes: 'Contains the high watermarks of a Tezos baker.'
  }
}

// Changes of the account, its keys, its network and its roles. Logging each read and write would cost more than the database.
#disable-next-line use-recent-api-versions
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'service'
  properties: {
    workspaceId: workspaceId
    // To the table CDBControlPlaneRequests.
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'ControlPlaneRequests'
        enabled: true
      }
    ]
  }
}

@description('Resource identifier of the account.')
output id string = account.id

@description('Address of the account.')
output endpoint string = account.properties.documentEndpoint
