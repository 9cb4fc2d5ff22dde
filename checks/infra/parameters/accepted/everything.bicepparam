using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param resourceGroupName = 'bakers'
param keys = [
  {
    name: 'consensus'
    curve: 'P-256K'
  }
]
param plan = 'premium'
param alwaysReady = 3
param instanceMemory = 4096
param zoneRedundant = true
param secondRegion = 'northeurope'
param signerInSecondRegion = true
param thirdRegion = 'uksouth'
param writesInSecondRegion = true
param serviceManagedFailover = true
param databaseCapacity = 'freeTier'
param maxThroughput = 2000
param allowedAddresses = [
  '203.0.113.7/32'
]
param networking = 'isolated'
param networkPrefix = '10.20.0.0/24'
param flexSubnetPrefix = '10.20.0.0/26'
param premiumSubnetPrefix = '10.20.0.128/26'
param endpointSubnetPrefix = '10.20.0.64/27'
param secondNetworkPrefix = '10.21.0.0/24'
param secondZoneGroupName = 'bakers-zone'
param alertEmail = 'you@example.com'
param availabilityTest = true
param vaultRole = 'builtIn'
param operatorPrincipalId = '00000000-0000-4000-8000-00000000000a'
param sealedKeys = true
param sealedKeyWriters = [
  '00000000-0000-4000-8000-00000000000e'
]
param protectFromDeletion = false
param auditRetentionDays = 365
param nodeUrls = [
  'https://node.example.com'
  'http://10.0.0.4:8732'
]
param policy = {
  default: {
    kinds: [
      'attestation'
    ]
    operations: [
      'transaction'
    ]
    max_amount: 1000000
    packed_data: false
  }
  keys: {
    tz3WDFkk9wQiXNb9dCNpxZ7hvQxUvR6GPMXm: {
      chains: [
        'NetXdQprcVkpaWU'
      ]
    }
  }
}
param authorizedKeys = [
  'edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav'
]
param authentication = {
  clientId: '00000000-0000-4000-8000-00000000000b'
  allowedPrincipals: [
    '00000000-0000-4000-8000-00000000000c'
  ]
  allowedApplications: [
    '00000000-0000-4000-8000-00000000000d'
  ]
}
param signerSettings = {
  HEAD_THRESHOLD: '60'
  ALLOW_LIST_KNOWN_KEYS: 'true'
  WHEN_HEAD_UNKNOWN: 'sign'
  CLIENT_CERTIFICATES: 'a9993e364706816aba3e25717850c26c9cd0d89d'
}
