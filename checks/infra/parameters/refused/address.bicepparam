using '../../../../infra/main.bicep'

// Refused: nonsense is no range
param environmentName = 'test'
param location = 'westeurope'
param allowedAddresses = [
  'nonsense'
]
