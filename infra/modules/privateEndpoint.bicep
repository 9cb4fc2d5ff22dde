// A private address for one service, and a DNS zone that resolves the service's usual name to it within the network.

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

@description('Name of the DNS zone.')
param zoneName string

@description('Resource identifier of the virtual network that uses the DNS zone.')
param networkId string

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

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zoneName
  location: 'global'
  tags: tags
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: zone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
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
          privateDnsZoneId: zone.id
        }
      }
    ]
  }
}
