// The workbook with which an operator monitors the signer.

import { textsType } from '../types.bicep'

@description('Region of the workbook: that of the workspace.')
param location string = resourceGroup().location

@description('Tags of the workbook.')
param tags textsType = {}

@description('Name in the portal.')
param displayName string = 'Tezos signer'

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource ids of the Key Vaults.')
param keyVaultIds string[]

@description('Resource id of the Cosmos DB account.')
param cosmosAccountId string

// Generated from workbook.source.json and the queries by checks/infra/kql/workbook.mjs.
@description('The workbook, with placeholders.')
var template = loadTextContent('../workbook/workbook.json')

@description('The same, with the workspace.')
var withWorkspace = replace(template, '__WORKSPACE_ID__', workspaceId)

// The placeholder is an element of a JSON array.
@description('The same, with the vaults.')
var withVaults = replace(withWorkspace, '__KEY_VAULT_ID__', join(keyVaultIds, '","'))

@description('The workbook as it is deployed.')
var withDatabase = replace(withVaults, '__COSMOS_ACCOUNT_ID__', cosmosAccountId)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // The name of a workbook is a GUID, the same at each deployment.
  name: guid(resourceGroup().id, displayName, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: withDatabase
  }
}

@description('Resource id of the workbook.')
output workbookId string = workbook.id
