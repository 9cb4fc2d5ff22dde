// The virtual network of the app's outbound traffic and of the private endpoints. The network itself is free.

import { textsType } from '../types.bicep'

@description('Name of the virtual network.')
param name string

@description('Region.')
param location string

@description('Tags of all resources.')
param tags textsType

@description('Addresses of the virtual network.')
param addressPrefix string

@description('Addresses of the subnet for an app on Flex Consumption, several of which each instance uses.')
param flexSubnetPrefix string

@description('Addresses of the subnet for an app on Premium, several of which each instance uses.')
param premiumSubnetPrefix string

@description('Addresses of the subnet for private endpoints.')
param endpointSubnetPrefix string

@description('Whether the subnets of the app have service endpoints for the vault and the database.')
param hasServiceEndpoints bool

// With these, vault and database recognise the subnet of the app and refuse all others, without private endpoints. The
// documentation of Flex Consumption says that its subnet cannot have them; one report says that they work
// (learn.microsoft.com/answers/questions/5783889).
@description('Service endpoints for the vault and the database.')
var endpointsOfServices = [
  {
    service: 'Microsoft.KeyVault'
  }
  {
    service: 'Microsoft.AzureCosmosDB'
  }
]

@description('Service endpoints of the subnets of the app.')
var serviceEndpoints = hasServiceEndpoints ? endpointsOfServices : []

// Only private endpoints listen in these subnets, so no traffic needs to enter from outside the network: the default rules of
// every security group say just that.
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
    // Subnets are part of the network here: as separate resources, they would be removed whenever the network is deployed again.
    // A subnet stays delegated to a plan's service for a while after its app is deleted, so each plan has its own subnet.
    subnets: [
      {
        name: 'flex'
        properties: {
          addressPrefix: flexSubnetPrefix
          // For Tezos nodes and telemetry, which are on the internet.
          defaultOutboundAccess: true
          networkSecurityGroup: {
            id: securityGroup.id
          }
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
          serviceEndpoints: serviceEndpoints
        }
      }
      {
        name: 'premium'
        properties: {
          addressPrefix: premiumSubnetPrefix
          defaultOutboundAccess: true
          networkSecurityGroup: {
            id: securityGroup.id
          }
          delegations: [
            {
              name: 'premium'
              properties: {
                serviceName: 'Microsoft.Web/serverFarms'
              }
            }
          ]
          serviceEndpoints: serviceEndpoints
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

resource flexSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'flex'
}

resource premiumSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'premium'
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-09-01' existing = {
  parent: network
  name: 'endpoints'
}

@description('Resource identifier of the virtual network.')
output id string = network.id

@description('Resource identifier of the subnet for an app on Flex Consumption.')
output flexSubnetId string = flexSubnet.id

@description('Resource identifier of the subnet for an app on Premium.')
output premiumSubnetId string = premiumSubnet.id

@description('Resource identifier of the subnet for private endpoints.')
output endpointSubnetId string = endpointSubnet.id
