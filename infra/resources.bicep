// Entry point for a deployment to an existing resource group:
//   az deployment group create --resource-group <group> --template-file infra/resources.bicep --parameters environmentName=<name>

import { authenticationProblems, databaseProblems, keyProblems, networkProblems, nodeProblems, operatorProblems, regionProblems, sealedKeyProblems } from 'checks.bicep'
import { authenticationType, policyType, signerSettingsType, signingKeyType } from 'types.bicep'

@description('Name of the environment, such as mainnet. It is part of the tags and names of all resources.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of all resources, except those of the second region.')
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

// It is part of every name, so invalid parameters stop the deployment before anything is created.
@description('Suffix that makes names unique.')
var token = empty(problems) ? uniqueString(resourceGroup().id, environmentName) : fail(join(problems, '; '))

@description('Tags of all resources.')
var tags = {
  'azd-env-name': environmentName
}

// Names that other resources depend on are defined here instead of in modules: a conditional module cannot provide them, and a
// preview of a deployment cannot resolve names that depend on a module's outputs.
@description('The signer in the first region.')
var firstSigner = {
  location: location
  token: token
  appName: 'func-signer-${token}'
  identityName: 'id-signer-${token}'
  vaultName: 'kv-${token}'
  storageName: 'st${token}'
  networkName: 'vnet-signer-${token}'
  networkPrefix: networkPrefix
  flexSubnetPrefix: flexSubnetPrefix
  premiumSubnetPrefix: premiumSubnetPrefix
  endpointSubnetPrefix: endpointSubnetPrefix
  databaseZoneGroup: resourceGroup().name
  alertSuffix: ''
  appTags: {
    'azd-service-name': 'signer'
  }
}

// The subnets have the same positions in the network as the defaults of the first one. Keys are restored into this vault, not
// created: a restore fails if there is a key of that name.
@description('The signer in the second region.')
var secondSigner = {
  location: secondRegion
  token: '${token}-2'
  appName: 'func-signer-${token}-2'
  identityName: 'id-signer-${token}-2'
  vaultName: 'kv-${token}-2'
  storageName: 'st${token}2'
  networkName: 'vnet-signer-${token}-2'
  networkPrefix: secondNetworkPrefix
  flexSubnetPrefix: cidrSubnet(secondNetworkPrefix, 26, 0)
  premiumSubnetPrefix: cidrSubnet(secondNetworkPrefix, 26, 2)
  endpointSubnetPrefix: cidrSubnet(secondNetworkPrefix, 27, 2)
  databaseZoneGroup: secondZoneGroupName
  alertSuffix: '-2'
  appTags: {
    'azd-service-name': 'signer-2'
  }
}

@description('Address of the function app in the second region.')
var secondUrl = 'https://${secondSigner.appName}.azurewebsites.net'

@description('Address of the vault in the second region.')
var secondVaultUrl = 'https://${secondSigner.vaultName}${environment().suffixes.keyvaultDns}/'

@description('Resource identifier of the virtual network of the second region.')
var secondNetworkId = resourceId('Microsoft.Network/virtualNetworks', secondSigner.networkName)

@description('All signers.')
var signers = signerInSecondRegion ? [firstSigner, secondSigner] : [firstSigner]

@description('Addresses of all function apps.')
var appUrls = [
  for signer in signers: 'https://${signer.appName}.azurewebsites.net'
]

@description('Name of the Application Insights component.')
var applicationInsightsName = 'appi-signer-${token}'

@description('Name of the database.')
var databaseName = 'signer'

@description('Name of the container with the marks.')
var containerName = 'marks'

@description('Name of the container with sealed keys.')
var sealedKeyContainerName = 'keys'

@description('Name of the key for sealed keys in each vault, or empty.')
var sealingKeyName = sealedKeys ? 'sealing' : ''

@description('Name of the account with the database.')
var accountName = 'cosmos-signer-${token}'

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

@description('The signers whose networks have private endpoints.')
var signersWithEndpoints = hasPrivateEndpoints ? signers : []

@description('The private DNS zone of the vaults.')
var vaultZone = {
  name: 'privatelink.vaultcore.azure.net'
  service: 'vault'
}

@description('The private DNS zone of the storage accounts.')
var storageZone = {
  name: 'privatelink.blob.${environment().suffixes.storage}'
  service: 'storage'
}

@description('The private DNS zone of the apps.')
var appZone = {
  name: 'privatelink.azurewebsites.net'
  service: 'app'
}

@description('The private DNS zones that all networks share: each has the names of all signers.')
var sharedZones = concat(hasPrivateEndpoints ? [vaultZone] : [], isIsolated ? [storageZone, appZone] : [])

@description('Instances that are always ready.')
var instances = zoneRedundant ? max(alwaysReady, 2) : alwaysReady

@description('Rules about addresses that may call the apps.')
var accessRules = [
  for (address, i) in allowedAddresses: {
    name: 'allowed-${i}'
    action: 'Allow'
    priority: 100 + i
    ipAddress: address
  }
]

module identities 'modules/identity.bicep' = [
  for signer in signers: {
    params: {
      name: signer.identityName
      location: signer.location
      tags: tags
    }
  }
]

module networks 'modules/network.bicep' = [
  for signer in signers: {
    params: {
      name: signer.networkName
      location: signer.location
      tags: tags
      addressPrefix: signer.networkPrefix
      flexSubnetPrefix: signer.flexSubnetPrefix
      premiumSubnetPrefix: signer.premiumSubnetPrefix
      endpointSubnetPrefix: signer.endpointSubnetPrefix
      hasServiceEndpoints: networking == 'serviceEndpoints'
    }
  }
]

module cosmos 'modules/cosmos.bicep' = {
  params: {
    name: accountName
    location: location
    tags: tags
    secondRegion: secondRegion
    thirdRegion: thirdRegion
    writesInSecondRegion: writesInSecondRegion
    zoneRedundant: zoneRedundant
    serviceManagedFailover: serviceManagedFailover
    databaseCapacity: databaseCapacity
    maxThroughput: maxThroughput
    databaseName: databaseName
    containerName: containerName
    observe: signerSettings.?OBSERVE == 'true'
    appSubnetIds: [
      for (signer, i) in signers: isFlex ? networks[i].outputs.flexSubnetId : networks[i].outputs.premiumSubnetId
    ]
    networking: networking
    allowedAddresses: allowedAddresses
    identityNames: [
      for signer in signers: signer.identityName
    ]
    operatorPrincipalId: operatorPrincipalId
    protectFromDeletion: protectFromDeletion
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [
    identities
  ]
}

module sealedKeyStore 'modules/sealedKeys.bicep' = if (sealedKeys) {
  params: {
    accountName: accountName
    tags: tags
    databaseName: databaseName
    containerName: sealedKeyContainerName
    databaseCapacity: databaseCapacity
    identityNames: [
      for signer in signers: signer.identityName
    ]
    writers: sealedKeyWriters
  }
  dependsOn: [
    cosmos
  ]
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

module zones 'modules/privateZone.bicep' = [
  for zone in sharedZones: {
    params: {
      name: zone.name
      tags: tags
      links: [
        for signer in signers: {
          name: 'pe-${zone.service}-${signer.token}'
          networkId: resourceId('Microsoft.Network/virtualNetworks', signer.networkName)
        }
      ]
    }
    dependsOn: [
      networks
    ]
  }
]

// The database has the same name in all regions, and in each network another private address. So each network has a zone for it.
module databaseZones 'modules/privateZone.bicep' = [
  for signer in signersWithEndpoints: {
    scope: resourceGroup(signer.databaseZoneGroup)
    params: {
      name: 'privatelink.documents.azure.com'
      tags: tags
      links: [
        {
          name: 'pe-cosmos-${signer.token}'
          networkId: resourceId('Microsoft.Network/virtualNetworks', signer.networkName)
        }
      ]
    }
    dependsOn: [
      networks
    ]
  }
]

// The account accepts one change at a time.
@batchSize(1)
module cosmosEndpoints 'modules/privateEndpoint.bicep' = [
  for (signer, i) in signersWithEndpoints: {
    params: {
      name: 'pe-cosmos-${signer.token}'
      location: signer.location
      tags: tags
      serviceId: cosmos.outputs.id
      groupId: 'Sql'
      zoneId: databaseZones[i].outputs.id
      subnetId: networks[i].outputs.endpointSubnetId
    }
    dependsOn: [
      sealedKeyStore
    ]
  }
]

// One after the other, since the first defines the role that all signers have.
@batchSize(1)
module apps 'modules/signer.bicep' = [
  for (signer, i) in signers: {
    params: {
      token: signer.token
      location: signer.location
      tags: tags
      appTags: signer.appTags
      appName: signer.appName
      identityName: signer.identityName
      vaultName: signer.vaultName
      storageName: signer.storageName
      keys: keys
      createsKeys: i == 0
      markStore: markStore
      vaultRole: vaultRole
      vaultRoleName: 'Tezos key signer ${token}'
      sealingKeyName: sealingKeyName
      unwrapRoleName: 'Tezos key unwrapper ${token}'
      operatorPrincipalId: operatorPrincipalId
      protectFromDeletion: protectFromDeletion
      isFlex: isFlex
      alwaysReady: instances
      instanceMemory: instanceMemory
      zoneRedundant: zoneRedundant
      networking: networking
      allowedAddresses: allowedAddresses
      accessRules: accessRules
      appSubnetId: isFlex ? networks[i].outputs.flexSubnetId : networks[i].outputs.premiumSubnetId
      endpointSubnetId: networks[i].outputs.endpointSubnetId
      packageContainerName: packageContainerName
      cosmosEndpoint: cosmos.outputs.endpoint
      cosmosDatabase: databaseName
      cosmosContainer: containerName
      sealedKeysContainer: sealedKeys ? sealedKeyContainerName : ''
      auditRetentionDays: auditRetentionDays
      auditRoleName: 'Tezos audit block adder ${token}'
      nodeUrls: nodeUrls
      policy: policy
      authorizedKeys: authorizedKeys
      authentication: authentication
      signerSettings: signerSettings
      applicationInsightsName: applicationInsightsName
      applicationInsightsConnectionString: monitoring.outputs.connectionString
      workspaceId: monitoring.outputs.workspaceId
    }
    // An app that started earlier would not find the database.
    dependsOn: [
      cosmosEndpoints
      identities
      sealedKeyStore
      zones
    ]
  }
]

module signerAlerts 'modules/signerAlerts.bicep' = [
  for (signer, i) in signers: {
    params: {
      location: location
      tags: tags
      namePrefix: 'tezos-signer-${environmentName}'
      nameSuffix: signer.alertSuffix
      actionGroupId: monitoring.outputs.actionGroupId
      applicationInsightsId: monitoring.outputs.applicationInsightsId
      keyVaultId: apps[i].outputs.vaultId
      appUrl: appUrls[i]
      // A list of addresses would block it, and allowing it would allow every such test in Azure.
      availabilityTest: availabilityTest && !isIsolated && empty(allowedAddresses)
    }
  }
]

module logAlerts 'modules/logAlerts.bicep' = {
  params: {
    location: location
    tags: tags
    namePrefix: 'tezos-signer-${environmentName}'
    actionGroupId: monitoring.outputs.actionGroupId
    workspaceId: monitoring.outputs.workspaceId
    signerPrincipalIds: [
      for (signer, i) in signers: identities[i].outputs.principalId
    ]
    packagePaths: [
      for signer in signers: '/${signer.storageName}/${packageContainerName}'
    ]
  }
}

module databaseAlerts 'modules/databaseAlerts.bicep' = {
  params: {
    tags: tags
    namePrefix: 'tezos-signer-${environmentName}'
    actionGroupId: monitoring.outputs.actionGroupId
    cosmosAccountId: cosmos.outputs.id
  }
}

module changeAlerts 'modules/changeAlerts.bicep' = {
  params: {
    tags: tags
    namePrefix: 'tezos-signer-${environmentName}'
    actionGroupId: monitoring.outputs.actionGroupId
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: tags
    displayName: 'Tezos signer ${environmentName}'
    workspaceId: monitoring.outputs.workspaceId
    keyVaultIds: [
      for (signer, i) in signers: apps[i].outputs.vaultId
    ]
    cosmosAccountId: cosmos.outputs.id
  }
}

@description('Address of the signer, for octez: <SIGNER_URL>/<public key hash>.')
output SIGNER_URL string = appUrls[0]

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = resourceGroup().name

@description('Name of the function app.')
output AZURE_FUNCTION_NAME string = firstSigner.appName

@description('Name of the vault.')
output AZURE_KEY_VAULT_NAME string = firstSigner.vaultName

@description('Address of the vault.')
output KEY_VAULT_URL string = apps[0].outputs.vaultUrl

@description('Address of the account with the marks.')
output COSMOS_ENDPOINT string = cosmos.outputs.endpoint

@description('Name of the database.')
output COSMOS_DATABASE string = databaseName

@description('Name of the container.')
output COSMOS_CONTAINER string = containerName

@description('Client identifier of the signer\'s identity. Of no use on a laptop, where the signer uses az login.')
output SIGNER_CLIENT_ID string = identities[0].outputs.clientId

@description('Name of the storage account of the Functions host.')
output AZURE_STORAGE_ACCOUNT_NAME string = firstSigner.storageName

@description('Name of the container with the deployed package.')
output PACKAGE_CONTAINER string = packageContainerName

@description('Resource identifier of the virtual network, to connect others to.')
output AZURE_NETWORK_ID string = networks[0].outputs.id

@description('Addresses of all signers, for the relay.')
output RELAY_UPSTREAMS string = join(appUrls, ',')

@description('Address of the signer in the second region, or empty.')
output SECOND_SIGNER_URL string = signerInSecondRegion ? secondUrl : ''

@description('Name of the function app in the second region, or empty.')
output AZURE_SECOND_FUNCTION_NAME string = signerInSecondRegion ? secondSigner.appName : ''

@description('Name of the vault in the second region, or empty.')
output AZURE_SECOND_KEY_VAULT_NAME string = signerInSecondRegion ? secondSigner.vaultName : ''

@description('Address of the vault in the second region, or empty.')
output SECOND_KEY_VAULT_URL string = signerInSecondRegion ? secondVaultUrl : ''

@description('Name of the storage account of the Functions host in the second region, or empty.')
output AZURE_SECOND_STORAGE_ACCOUNT_NAME string = signerInSecondRegion ? secondSigner.storageName : ''

@description('Resource identifier of the virtual network of the second region, or empty.')
output AZURE_SECOND_NETWORK_ID string = signerInSecondRegion ? secondNetworkId : ''
