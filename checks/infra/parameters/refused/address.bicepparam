using '../../../../infra/main.bicep'

// Refused: nonsense is not an address range
param environmentName = 'test'
param location = 'westeurope'
param allowedAddresses = [
  'nonsense'
]
