// Entry point for `azd up` and `az deployment sub create`: a resource group, and everything in resources.bicep.
targetScope = 'subscription'

import { authenticationProblems, databaseProblems, keyProblems, networkProblems, nodeProblems, operatorProblems, regionProblems, sealedKeyProblems } from 'checks.bicep'
import { authenticationType, policyType, signerSettingsType, signingKeyType } from 'types.bicep'

@description('Name of the environment, such as mainnet. It is part of the tags and names of all resources.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of all resources, except those of the second region.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Name of the resource group, which is created if it does not exist.')
param resourceGroupName string = 'rg-${environmentName}'

@description('The signing keys: each a name (letters, digits, -) and a curve, P-256 for a tz3 address or P-256K for tz2. Keys are added, never changed or removed: what is no longer in this list stays in the vault.')
@minLength(1)
param keys signingKeyType[] = [
  {
    name: 'baker'
    curve: 'P-256'
  }
]

@description('Hosting plan: flex (Flex Consumption), or premium (Elastic Premium EP1), whose instances never pause. To change it later, remove the app and its plan first; keys and marks stay.')
@allowed([
  'flex'
  'premium'
])
param plan string = 'flex'

@description('Instances that are always ready. One keeps the process, its tokens and its connections warm, and repeating a lost request is safe; with two, the restart of one goes unnoticed. With zoneRedundant, there are at least two.')
@minValue(1)
@maxValue(20)
param alwaysReady int = 1

@description('Memory of an instance on the flex plan, in MB; processor and network come with it. 512 suffices for one key (docs/performance.md); use 2048 for several, or where the region does not offer 512.')
@allowed([
  512
  2048
  4096
])
param instanceMemory int = 512

@description('Whether the app, the database and the storage account are spread over availability zones, in a region that has them. Cannot be changed later.')
param zoneRedundant bool = false

@description('A second region for the marks, or empty. Each write then waits for both regions, so choose a near one; Azure refuses regions more than 8,000 km away.')
param secondRegion string = ''

@description('Whether the second region also has a function app and a vault, which use the same marks. No keys are created in that vault: restore them from a backup of the first one.')
param signerInSecondRegion bool = false

@description('A third region for the marks, or empty. With three, writes continue when a region is lost that does not take them.')
param thirdRegion string = ''

@description('Whether the second region is the write region now: set this after a failover to it, or the next deployment moves writes back.')
param writesInSecondRegion bool = false

@description('Whether Azure may move writes to the second region automatically. Off by default: no mark would be lost, since a strong write is in both regions, but a person should decide who signs where after a disaster.')
param serviceManagedFailover bool = false

@description('How the database is billed. autoscale: by its busiest second in each hour, with guaranteed latency. serverless: by request, in a single region, and without a promise of latency. freeTier: as autoscale, but the first 1000 request units per second are free for one account of the subscription. Set it before the first deployment: Azure does not change it.')
@allowed([
  'autoscale'
  'serverless'
  'freeTier'
])
param databaseCapacity string = 'autoscale'

@description('Maximum request units per second of the database; at least a tenth of it is billed. 1000 is enough for ten keys shared by two bakers.')
@minValue(1000)
param maxThroughput int = 1000

@description('Addresses (IPv4, as CIDR, such as 203.0.113.7/32) that may call the signer, and from which operators reach the vault and the database (not in the modes public and isolated). Empty: any address may call the signer, which still requires the function key, and only the signer reaches the vault and the database.')
param allowedAddresses string[] = []

@description('How the services are reached. private: vault and database through private endpoints; app and package over the internet, only from allowedAddresses if that is not empty. public: everything over the internet, protected by roles and TLS only. isolated: everything through private endpoints, from the virtual network and networks connected to it. serviceEndpoints: like private, but with service endpoints on the subnet of the app, which are free, and which the documentation of Flex Consumption rules out.')
@allowed([
  'private'
  'public'
  'isolated'
  'serviceEndpoints'
])
param networking string = 'private'

@description('Addresses of the virtual network. They must not overlap with networks to which it will be connected.')
param networkPrefix string = '10.91.0.0/24'

@description('Addresses of the subnet for an app on Flex Consumption, within networkPrefix; a /26 or larger.')
param flexSubnetPrefix string = '10.91.0.0/26'

@description('Addresses of the subnet for an app on Premium, within networkPrefix; a /26 or larger.')
param premiumSubnetPrefix string = '10.91.0.128/26'

@description('Addresses of the subnet for private endpoints, within networkPrefix; a /28 or larger.')
param endpointSubnetPrefix string = '10.91.0.64/27'

@description('Addresses of the virtual network of the second region; a /24 or larger. They must not overlap with networkPrefix.')
param secondNetworkPrefix string = '10.91.1.0/24'

@description('Resource group for the private DNS zone of the database in the second region, since a group cannot have two zones of one name. main.bicep creates it; for resources.bicep, it must exist. Only with signerInSecondRegion, and networking private or isolated.')
param secondZoneGroupName string = 'rg-${environmentName}-second-zone'

@description('Email address for alerts. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('Whether Application Insights requests /health every five minutes from five places in the world, and raises an alert if two of them get no answer. It costs more than all other alerts together, and is left out if allowedAddresses or the mode isolated would not admit it.')
param availabilityTest bool = false

@description('Role of the signer on the vault. custom: a custom role, to read keys and to sign; deploying it requires Microsoft.Authorization/roleDefinitions/write on the resource group. builtIn: Key Vault Reader, and Key Vault Crypto User on each key; broader, and needs no such permission.')
@allowed([
  'custom'
  'builtIn'
])
param vaultRole string = 'custom'

@description('Object identifier of a user, group or service principal who raises, lists and imports marks, and lists keys. Empty: nobody.')
param operatorPrincipalId string = ''

@description('Whether sealed keys (tz4) can be served (docs/sealed-keys.md). Each vault then has an RSA key that can only unwrap, and the database a container for sealed keys; the signer may unwrap with that key and read that container.')
param sealedKeys bool = false

@description('Object identifiers of users, groups or service principals who may store, replace and list sealed keys. They may not delete any. Only with sealedKeys.')
param sealedKeyWriters string[] = []

@description('Whether vault and database are locked against deletion. Such a lock also prevents the deletion of role assignments on them, and of their private endpoints. The locks must be removed before that, before azd down, and before deleting the resource group.')
param protectFromDeletion bool = true

@description('Days during which the history of signatures can neither be changed nor deleted. 0: there is no history. It is in a storage account of its own, to which the signer may only append.')
@minValue(0)
@maxValue(146000)
param auditRetentionDays int = 0

@description('Tezos nodes that report the head of the chain. No passwords: everyone who may see the app can read its settings.')
param nodeUrls string[] = []

@description('What each key may sign, in the form of docs/policy.schema.json. Empty: blocks and votes, nothing else.')
param policy policyType = {}

@description('Public keys, one of which must sign every request (Tezos request authentication). Empty: requests are not authenticated.')
param authorizedKeys string[] = []

@description('Who may call the app with a token of Microsoft Entra ID (App Service authentication): the relay alone can send one. Empty: nobody needs a token. Not tried on Flex Consumption.')
param authentication authenticationType = {}

@description('Any other setting of the signer, by its name in docs/reference.md, such as { HEAD_THRESHOLD: \'60\' }.')
param signerSettings signerSettingsType = {}

@description('Address ranges of the networks.')
var networkPrefixes = [networkPrefix, flexSubnetPrefix, premiumSubnetPrefix, endpointSubnetPrefix, secondNetworkPrefix]

@description('All address ranges in the parameters.')
var ranges = concat(allowedAddresses, networkPrefixes)

@description('Errors in the parameters that their types cannot catch.')
var problems = concat(
  keyProblems(keys),
  regionProblems(location, secondRegion, thirdRegion, signerInSecondRegion),
  databaseProblems(databaseCapacity, secondRegion),
  networkProblems(ranges, networkPrefix, secondNetworkPrefix),
  operatorProblems(operatorPrincipalId),
  sealedKeyProblems(sealedKeys, sealedKeyWriters, keys),
  nodeProblems(nodeUrls),
  authenticationProblems(authentication)
)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  // Everything is in this group, so invalid parameters stop the deployment before anything is created.
  name: empty(problems) ? resourceGroupName : fail(join(problems, '; '))
  location: location
  tags: {
    'azd-env-name': environmentName
  }
}

@description('Whether the second region needs a resource group for its DNS zone.')
var needsZoneGroup = signerInSecondRegion && (networking == 'private' || networking == 'isolated')

resource zoneGroup 'Microsoft.Resources/resourceGroups@2025-04-01' = if (needsZoneGroup) {
  name: empty(problems) ? secondZoneGroupName : fail(join(problems, '; '))
  location: location
}

module resources 'resources.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    keys: keys
    plan: plan
    alwaysReady: alwaysReady
    instanceMemory: instanceMemory
    zoneRedundant: zoneRedundant
    secondRegion: secondRegion
    signerInSecondRegion: signerInSecondRegion
    thirdRegion: thirdRegion
    writesInSecondRegion: writesInSecondRegion
    serviceManagedFailover: serviceManagedFailover
    databaseCapacity: databaseCapacity
    maxThroughput: maxThroughput
    allowedAddresses: allowedAddresses
    networking: networking
    networkPrefix: networkPrefix
    flexSubnetPrefix: flexSubnetPrefix
    premiumSubnetPrefix: premiumSubnetPrefix
    endpointSubnetPrefix: endpointSubnetPrefix
    secondNetworkPrefix: secondNetworkPrefix
    secondZoneGroupName: secondZoneGroupName
    alertEmail: alertEmail
    availabilityTest: availabilityTest
    vaultRole: vaultRole
    operatorPrincipalId: operatorPrincipalId
    sealedKeys: sealedKeys
    sealedKeyWriters: sealedKeyWriters
    protectFromDeletion: protectFromDeletion
    auditRetentionDays: auditRetentionDays
    nodeUrls: nodeUrls
    policy: policy
    authorizedKeys: authorizedKeys
    authentication: authentication
    signerSettings: signerSettings
  }
  dependsOn: [
    zoneGroup
  ]
}

@description('Address of the signer, for octez: <SIGNER_URL>/<public key hash>.')
output SIGNER_URL string = resources.outputs.SIGNER_URL

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output AZURE_FUNCTION_NAME string = resources.outputs.AZURE_FUNCTION_NAME

@description('Name of the vault.')
output AZURE_KEY_VAULT_NAME string = resources.outputs.AZURE_KEY_VAULT_NAME

@description('Address of the vault.')
output KEY_VAULT_URL string = resources.outputs.KEY_VAULT_URL

@description('Address of the account with the marks.')
output COSMOS_ENDPOINT string = resources.outputs.COSMOS_ENDPOINT

@description('Name of the database.')
output COSMOS_DATABASE string = resources.outputs.COSMOS_DATABASE

@description('Name of the container.')
output COSMOS_CONTAINER string = resources.outputs.COSMOS_CONTAINER

@description('Client identifier of the signer\'s identity. Of no use on a laptop, where the signer uses az login.')
output SIGNER_CLIENT_ID string = resources.outputs.SIGNER_CLIENT_ID

@description('Name of the storage account of the Functions host.')
output AZURE_STORAGE_ACCOUNT_NAME string = resources.outputs.AZURE_STORAGE_ACCOUNT_NAME

@description('Name of the container with the deployed package.')
output PACKAGE_CONTAINER string = resources.outputs.PACKAGE_CONTAINER

@description('Resource identifier of the virtual network, to connect others to.')
output AZURE_NETWORK_ID string = resources.outputs.AZURE_NETWORK_ID

@description('Addresses of all signers, for the relay.')
output RELAY_UPSTREAMS string = resources.outputs.RELAY_UPSTREAMS

@description('Address of the signer in the second region, or empty.')
output SECOND_SIGNER_URL string = resources.outputs.SECOND_SIGNER_URL

@description('Name of the function app in the second region, or empty.')
output AZURE_SECOND_FUNCTION_NAME string = resources.outputs.AZURE_SECOND_FUNCTION_NAME

@description('Name of the vault in the second region, or empty.')
output AZURE_SECOND_KEY_VAULT_NAME string = resources.outputs.AZURE_SECOND_KEY_VAULT_NAME

@description('Address of the vault in the second region, or empty.')
output SECOND_KEY_VAULT_URL string = resources.outputs.SECOND_KEY_VAULT_URL

@description('Name of the storage account of the Functions host in the second region, or empty.')
output AZURE_SECOND_STORAGE_ACCOUNT_NAME string = resources.outputs.AZURE_SECOND_STORAGE_ACCOUNT_NAME

@description('Resource identifier of the virtual network of the second region, or empty.')
output AZURE_SECOND_NETWORK_ID string = resources.outputs.AZURE_SECOND_NETWORK_ID
