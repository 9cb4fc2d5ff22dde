// A private address for one service, with its record in a private DNS zone.

import { textsType } from '../types.bicep'

@description('Name of the private endpoint.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Resource identifier of the service.')
param serviceId string

@description('Part of the service: vault, Sql, blob or sites.')
param groupId string

@description('Resource identifier of the private DNS zone.')
param zoneId string

@description('Resource identifier of the subnet of the address.')
param subnetId string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: serviceId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }
}

resource zoneGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: zoneId
        }
      }
    ]
  }
}
