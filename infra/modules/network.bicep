// The network that the app's outbound traffic comes from, and that private endpoints are in. Both cost nothing by themselves.

import { textsType } from '../types.bicep'

@description('Name of the virtual network.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Addresses of the virtual network.')
param addressPrefix string

@description('Addresses of the app\'s subnet, of which every instance takes some.')
param appSubnetPrefix string

@description('Addresses of the subnet for private endpoints.')
param endpointSubnetPrefix string

@description('Which service the app\'s subnet is for: Microsoft.App/environments for Flex Consumption, Microsoft.Web/serverFarms for Premium.')
param delegation string

// Nothing listens in either subnet but private endpoints, so nothing needs to come in from outside of the network: the rules that
// every security group has by default say just that.
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
    // Subnets are part of the network here: as resources of their own they would be removed whenever the network is deployed again.
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appSubnetPrefix
          // Tezos nodes and telemetry are on the internet.
          defaultOutboundAccess: true
          networkSecurityGroup: {
            id: securityGroup.id
          }
          delegations: [
            {
              name: 'app'
              properties: {
                serviceName: delegation
              }
            }
          ]
          // These let the vault and the database recognise this subnet and refuse all others, without private endpoints.
          // Flex Consumption takes them too, whatever its documentation says of subnets (learn.microsoft.com/answers/questions/5783889).
          serviceEndpoints: [
            {
              service: 'Microsoft.KeyVault'
            }
            {
              service: 'Microsoft.AzureCosmosDB'
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

resource appSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'app'
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'endpoints'
}

@description('Resource identifier of the virtual network.')
output id string = network.id

@description('Resource identifier of the app\'s subnet.')
output appSubnetId string = appSubnet.id

@description('Resource identifier of the subnet for private endpoints.')
output endpointSubnetId string = endpointSubnet.id
