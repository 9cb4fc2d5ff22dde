// The container of sealed keys in the database, and the roles on it: the signer reads, and operators write.

import { textsType } from '../types.bicep'

@description('Name of the account.')
param accountName string

@description('Tags of all resources.')
param tags textsType

@description('Name of the database.')
param databaseName string

@description('Name of the container.')
param containerName string

@description('How the database is billed: autoscale, serverless or freeTier, as described in main.bicep.')
param databaseCapacity string

@description('Names of the signers\' identities.')
param identityNames string[]

@description('Object identifiers of those who may store and replace sealed keys.')
param writers string[]

// The least there is: a tenth of it is billed. Each instance lists the few sealed keys every five minutes.
@description('Throughput of the container. A serverless account has none.')
var throughput = {
  autoscaleSettings: {
    maxThroughput: 1000
  }
}

@description('The container, as the scope of roles.')
var containerScope = '${account.id}/dbs/${databaseName}/colls/${containerName}'

resource identities 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = [
  for name in identityNames: {
    name: name
  }
]

resource account 'Microsoft.DocumentDB/databaseAccounts@2026-03-15' existing = {
  name: accountName
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2026-03-15' existing = {
  parent: account
  name: databaseName
}

resource container 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2026-03-15' = {
  parent: database
  name: containerName
  tags: tags
  properties: {
    resource: {
      id: containerName
      partitionKey: {
        kind: 'Hash'
        // The same for all sealed keys, so that one partition is listed.
        paths: [
          '/type'
        ]
        version: 2
      }
      indexingPolicy: {
        indexingMode: 'consistent'
        automatic: true
        includedPaths: [
          {
            path: '/type/?'
          }
        ]
        excludedPaths: [
          {
            path: '/*'
          }
        ]
      }
      // No defaultTtl: a sealed key that expires is lost, unless there is a copy elsewhere.
    }
    options: databaseCapacity == 'serverless' ? {} : throughput
  }
}

// Without any right to write: an attacker who takes over the signer cannot replace a sealed key with another one.
resource reader 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'sealed key reader')
  properties: {
    roleName: 'Sealed key reader'
    type: 'CustomRole'
    assignableScopes: [
      account.id
    ]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
        ]
      }
    ]
  }
  // The account accepts one change at a time, here and below.
  dependsOn: [
    container
  ]
}

// Without deletion: no command deletes a sealed key, and one that is deleted by mistake may be the last copy.
resource writer 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2026-03-15' = {
  parent: account
  name: guid(account.id, 'sealed key writer')
  properties: {
    roleName: 'Sealed key writer'
    type: 'CustomRole'
    assignableScopes: [
      account.id
    ]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/replace'
        ]
      }
    ]
  }
  dependsOn: [
    reader
  ]
}

@batchSize(1)
resource signerReads 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = [
  for (name, i) in identityNames: {
    parent: account
    name: guid(account.id, 'sealed key reader', resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', name))
    properties: {
      roleDefinitionId: reader.id
      principalId: identities[i].properties.principalId
      scope: containerScope
    }
    dependsOn: [
      writer
    ]
  }
]

@batchSize(1)
resource operatorsWrite 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2026-03-15' = [
  for principalId in writers: {
    parent: account
    name: guid(account.id, 'sealed key writer', principalId)
    properties: {
      roleDefinitionId: writer.id
      principalId: principalId
      scope: containerScope
    }
    dependsOn: [
      signerReads
    ]
  }
]
