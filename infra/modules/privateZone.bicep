// A private DNS zone: within the linked networks, it resolves the usual names of services to their private addresses.

import { networkLinkType, textsType } from '../types.bicep'

@description('Name of the zone.')
param name string

@description('Tags of all resources.')
param tags textsType

@description('The networks that use the zone.')
param links networkLinkType[]

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: name
  location: 'global'
  tags: tags
}

resource networkLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for link in links: {
    parent: zone
    name: link.name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: link.networkId
      }
    }
  }
]

@description('Resource identifier of the zone.')
output id string = zone.id
