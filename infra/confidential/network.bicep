// The virtual network of the containers and of the private endpoints.

import { textsType } from '../types.bicep'

@description('Name of the virtual network.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Addresses of the virtual network.')
param addressPrefix string

@description('Addresses of the subnet for the containers.')
param containerSubnetPrefix string

@description('Addresses of the subnet for private endpoints.')
param endpointSubnetPrefix string

// The default rules admit requests from this network and from those connected to it, and from nowhere else.
resource securityGroup 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: '${name}-nsg'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'containers'
        properties: {
          addressPrefix: containerSubnetPrefix
          // For images, the attestation service and Tezos nodes, which are on the internet.
          defaultOutboundAccess: true
          networkSecurityGroup: {
            id: securityGroup.id
          }
          delegations: [
            {
              name: 'containers'
              properties: {
                serviceName: 'Microsoft.ContainerInstance/containerGroups'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointSubnetPrefix
          defaultOutboundAccess: false
          privateEndpointNetworkPolicies: 'Enabled'
          networkSecurityGroup: {
            id: securityGroup.id
          }
        }
      }
    ]
  }
}

resource containerSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'containers'
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'endpoints'
}

@description('Resource identifier of the subnet for the containers.')
output containerSubnetId string = containerSubnet.id

@description('Resource identifier of the subnet for private endpoints.')
output endpointSubnetId string = endpointSubnet.id
