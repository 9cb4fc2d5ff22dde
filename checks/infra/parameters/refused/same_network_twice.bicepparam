using '../../../../infra/main.bicep'

// Refused: it must differ from networkPrefix
param environmentName = 'test'
param location = 'westeurope'
param secondNetworkPrefix = '10.91.0.0/24'
