using '../../../../infra/main.bicep'

// Refused: keys: sealing is the name of the key for sealed keys
param environmentName = 'test'
param location = 'westeurope'
param keys = [
  {
    name: 'Sealing'
    curve: 'P-256'
  }
]
param sealedKeys = true
