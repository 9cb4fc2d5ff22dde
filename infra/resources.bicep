// Entry point for a deployment to an existing resource group:
//   az deployment group create --resource-group <group> --template-file infra/resources.bicep --parameters environmentName=<name>

import { keyProblems, nodeProblems, operatorProblems, rangeProblems } from 'checks.bicep'
import { policyType, signerSettingsType, signingKeyType } from 'types.bicep'

@description('Name of the environment, such as mainnet. It is part of the tags and names of all resources.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of all resources.')
param location string = resourceGroup().location

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

@description('Memory of an instance on the flex plan, in MB. The signer itself needs little; processor and network come with memory. Not every region supports 512.')
@allowed([
  512
  2048
  4096
])
param instanceMemory int = 2048

@description('Whether the app, the database and the storage account are spread over availability zones, in a region that has them. Cannot be changed later.')
param zoneRedundant bool = false

@description('A second region for the marks, or empty. Each write then waits for both regions, so choose a near one; Azure refuses regions more than 8,000 km away.')
param secondRegion string = ''

@description('Whether the second region is the write region now: set this after a failover to it, or the next deployment moves writes back.')
param writesInSecondRegion bool = false

@description('Whether Azure may move writes to the second region automatically. Off by default: no mark would be lost, since a strong write is in both regions, but a person should decide who signs where after a disaster.')
param serviceManagedFailover bool = false

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

@description('Email address for alerts. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('Role of the signer on the vault. custom: a custom role, to read keys and to sign; deploying it requires Microsoft.Authorization/roleDefinitions/write on the resource group. builtIn: Key Vault Reader, and Key Vault Crypto User on each key; broader, and needs no such permission.')
@allowed([
  'custom'
  'builtIn'
])
param vaultRole string = 'custom'

@description('Object identifier of a user, group or service principal who raises, lists and imports marks, and lists keys. Empty: nobody.')
param operatorPrincipalId string = ''

@description('Whether vault and database are locked against deletion. Such a lock also prevents the deletion of role assignments on them, and of their private endpoints. The locks must be removed before that, before azd down, and before deleting the resource group.')
param protectFromDeletion bool = true

@description('Tezos nodes that report the head of the chain. No passwords: everyone who may see the app can read its settings.')
param nodeUrls string[] = []

@description('What each key may sign, in the form of docs/policy.schema.json. Empty: blocks and votes, nothing else.')
param policy policyType = {}

@description('Public keys, one of which must sign every request (Tezos request authentication). Empty: requests are not authenticated.')
param authorizedKeys string[] = []

@description('Any other setting of the signer, by its name in docs/reference.md, such as { HEAD_THRESHOLD: \'60\' }.')
param signerSettings signerSettingsType = {}

@description('All address ranges in the parameters.')
var ranges = concat(allowedAddresses, [networkPrefix, flexSubnetPrefix, premiumSubnetPrefix, endpointSubnetPrefix])

@description('Errors in the parameters that their types cannot catch.')
var problems = concat(
  keyProblems(keys),
  rangeProblems(ranges),
  operatorProblems(operatorPrincipalId),
  nodeProblems(nodeUrls)
)

// It is part of every name, so invalid parameters stop the deployment before anything is created.
@description('Suffix that makes names unique.')
var token = empty(problems) ? uniqueString(resourceGroup().id, environmentName) : fail(join(problems, '; '))

@description('Tags of all resources.')
var tags = {
  'azd-env-name': environmentName
}

// Names that other resources depend on are defined here instead of in modules: a conditional module cannot provide them, and a
// preview of a deployment cannot resolve names that depend on a module's outputs.
@description('Name of the function app.')
var appName = 'func-signer-${token}'

@description('Address of the function app.')
var appUrl = 'https://${appName}.azurewebsites.net'

@description('Resource identifier of the function app.')
var appId = resourceId('Microsoft.Web/sites', appName)

@description('Name of the signer\'s identity.')
var identityName = 'id-signer-${token}'

@description('Name of the vault.')
var vaultName = 'kv-${token}'

@description('Name of the storage account.')
var storageName = 'st${token}'

@description('Name of the Application Insights component.')
var applicationInsightsName = 'appi-signer-${token}'

@description('Name of the database.')
var databaseName = 'signer'

@description('Name of the container with the marks.')
var containerName = 'marks'

@description('Name of the container with the deployed package.')
var packageContainerName = 'package'

// The endpoint is https://<host>:443/; splitting it makes the host the fourth part.
@description('The mark store to which the keys are bound.')
var markStore = '${split(cosmos.outputs.endpoint, [':', '/'])[3]}/${databaseName}/${containerName}'

@description('Whether the plan is Flex Consumption.')
var isFlex = plan == 'flex'

@description('Whether vault and database have private endpoints.')
var hasPrivateEndpoints = networking == 'private' || networking == 'isolated'

@description('Whether app and storage account have them too, and nothing is reachable over the internet.')
var isIsolated = networking == 'isolated'

@description('The subnet that the app calls from.')
var appSubnetId = isFlex ? network.outputs.flexSubnetId : network.outputs.premiumSubnetId

@description('The subnet that the app is connected to, if it needs one.')
var connectedSubnetId = networking == 'public' ? null : appSubnetId

@description('Instances that are always ready.')
var instances = zoneRedundant ? max(alwaysReady, 2) : alwaysReady

@description('Rules about addresses that may call the app.')
var accessRules = [
  for (address, i) in allowedAddresses: {
    name: 'allowed-${i}'
    action: 'Allow'
    priority: 100 + i
    ipAddress: address
  }
]

module identity 'modules/identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = {
  params: {
    name: 'vnet-signer-${token}'
    location: location
    tags: tags
    addressPrefix: networkPrefix
    flexSubnetPrefix: flexSubnetPrefix
    premiumSubnetPrefix: premiumSubnetPrefix
    endpointSubnetPrefix: endpointSubnetPrefix
    hasServiceEndpoints: networking == 'serviceEndpoints'
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: tags
    keys: keys
    markStore: markStore
    appSubnetId: appSubnetId
    networking: networking
    allowedAddresses: allowedAddresses
    protectFromDeletion: protectFromDeletion
    workspaceId: monitoring.outputs.workspaceId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  params: {
    name: 'cosmos-signer-${token}'
    location: location
    tags: tags
    secondRegion: secondRegion
    writesInSecondRegion: writesInSecondRegion
    zoneRedundant: zoneRedundant
    serviceManagedFailover: serviceManagedFailover
    maxThroughput: maxThroughput
    databaseName: databaseName
    containerName: containerName
    appSubnetId: appSubnetId
    networking: networking
    allowedAddresses: allowedAddresses
    identityName: identityName
    operatorPrincipalId: operatorPrincipalId
    protectFromDeletion: protectFromDeletion
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [
    identity
  ]
}

module storage 'modules/storage.bicep' = {
  params: {
    name: storageName
    location: location
    tags: tags
    packageContainerName: packageContainerName
    zoneRedundant: zoneRedundant
    isIsolated: isIsolated
    workspaceId: monitoring.outputs.workspaceId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceName: 'log-signer-${token}'
    applicationInsightsName: applicationInsightsName
    actionGroupName: 'ag-signer-${token}'
    alertEmail: alertEmail
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    vaultName: vaultName
    keys: keys
    vaultRole: vaultRole
    vaultRoleName: 'Tezos key signer ${token}'
    storageName: storageName
    packageContainerName: packageContainerName
    applicationInsightsName: applicationInsightsName
    identityName: identityName
    operatorPrincipalId: operatorPrincipalId
    operatorUploadsPackage: !isFlex
  }
  dependsOn: [
    identity
    monitoring
    storage
    vault
  ]
}

module settings 'modules/settings.bicep' = {
  params: {
    keyVaultUrl: vault.outputs.url
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: databaseName
    cosmosContainer: containerName
    clientId: identity.outputs.clientId
    nodeUrls: nodeUrls
    policy: policy
    authorizedKeys: authorizedKeys
    signerSettings: signerSettings
    blobUrl: storage.outputs.blobUrl
    applicationInsightsConnectionString: monitoring.outputs.connectionString
  }
}

module flex 'modules/flex.bicep' = if (isFlex) {
  params: {
    name: appName
    planName: 'plan-signer-${token}'
    location: location
    tags: tags
    appTags: {
      'azd-service-name': 'signer'
    }
    identityId: identity.outputs.id
    settings: settings.outputs.settings
    packageContainerUrl: storage.outputs.packageContainerUrl
    subnetId: connectedSubnetId
    isIsolated: isIsolated
    accessRules: accessRules
    alwaysReady: instances
    instanceMemory: instanceMemory
    zoneRedundant: zoneRedundant
  }
  // An app that started earlier would find neither its package nor the services in its settings.
  dependsOn: [
    roles
    vaultEndpoint
    cosmosEndpoint
    storageEndpoint
  ]
}

module premium 'modules/premium.bicep' = if (!isFlex) {
  params: {
    name: appName
    planName: 'plan-signer-premium-${token}'
    location: location
    tags: tags
    appTags: {
      'azd-service-name': 'signer'
    }
    identityId: identity.outputs.id
    settings: settings.outputs.settings
    packageContainerUrl: storage.outputs.packageContainerUrl
    subnetId: connectedSubnetId
    isIsolated: isIsolated
    accessRules: accessRules
    alwaysReady: instances
    zoneRedundant: zoneRedundant
  }
  // An app that started earlier would find neither its package nor the services in its settings.
  dependsOn: [
    roles
    vaultEndpoint
    cosmosEndpoint
    storageEndpoint
  ]
}

module vaultEndpoint 'modules/privateEndpoint.bicep' = if (hasPrivateEndpoints) {
  params: {
    name: 'pe-vault-${token}'
    location: location
    tags: tags
    serviceId: vault.outputs.id
    groupId: 'vault'
    zoneName: 'privatelink.vaultcore.azure.net'
    networkId: network.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module cosmosEndpoint 'modules/privateEndpoint.bicep' = if (hasPrivateEndpoints) {
  params: {
    name: 'pe-cosmos-${token}'
    location: location
    tags: tags
    serviceId: cosmos.outputs.id
    groupId: 'Sql'
    zoneName: 'privatelink.documents.azure.com'
    networkId: network.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module storageEndpoint 'modules/privateEndpoint.bicep' = if (isIsolated) {
  params: {
    name: 'pe-storage-${token}'
    location: location
    tags: tags
    serviceId: storage.outputs.id
    groupId: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
    networkId: network.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module appEndpoint 'modules/privateEndpoint.bicep' = if (isIsolated) {
  params: {
    name: 'pe-app-${token}'
    location: location
    tags: tags
    serviceId: appId
    groupId: 'sites'
    zoneName: 'privatelink.azurewebsites.net'
    networkId: network.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
  dependsOn: [
    flex
    premium
  ]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    tags: tags
    namePrefix: 'tezos-signer-${environmentName}'
    actionGroupId: monitoring.outputs.actionGroupId
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    keyVaultId: vault.outputs.id
    cosmosAccountId: cosmos.outputs.id
    signerPrincipalId: identity.outputs.principalId
    packagePath: '/${storageName}/${packageContainerName}'
    appUrl: appUrl
    // A list of addresses would block the availability test, and allowing it would allow every such test in Azure.
    isPublic: !isIsolated && empty(allowedAddresses)
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: tags
    displayName: 'Tezos signer ${environmentName}'
    workspaceId: monitoring.outputs.workspaceId
    keyVaultId: vault.outputs.id
    cosmosAccountId: cosmos.outputs.id
  }
}

@description('Address of the signer, for octez: <SIGNER_URL>/<public key hash>.')
output SIGNER_URL string = appUrl

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = resourceGroup().name

@description('Name of the function app.')
output AZURE_FUNCTION_NAME string = appName

@description('Name of the vault.')
output AZURE_KEY_VAULT_NAME string = vaultName

@description('Address of the vault.')
output KEY_VAULT_URL string = vault.outputs.url

@description('Address of the account with the marks.')
output COSMOS_ENDPOINT string = cosmos.outputs.endpoint

@description('Name of the database.')
output COSMOS_DATABASE string = databaseName

@description('Name of the container.')
output COSMOS_CONTAINER string = containerName

@description('Client identifier of the signer\'s identity. Of no use on a laptop, where the signer uses az login.')
output SIGNER_CLIENT_ID string = identity.outputs.clientId

@description('Name of the storage account of the Functions host.')
output AZURE_STORAGE_ACCOUNT_NAME string = storageName

@description('Name of the container with the deployed package.')
output PACKAGE_CONTAINER string = packageContainerName

@description('Resource identifier of the virtual network, to connect others to.')
output AZURE_NETWORK_ID string = network.outputs.id
