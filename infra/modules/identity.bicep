// The signer's identity. A user-assigned identity outlives the app: its roles remain when the app is recreated or moves to another plan.

import { textsType } from '../types.bicep'

@description('Name of the identity.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource identifier of the identity.')
output id string = identity.id

@description('Client identifier, which selects the identity in token requests.')
output clientId string = identity.properties.clientId

@description('Object identifier, to which roles are assigned.')
output principalId string = identity.properties.principalId
