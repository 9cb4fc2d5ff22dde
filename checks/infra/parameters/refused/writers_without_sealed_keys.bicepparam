using '../../../../infra/main.bicep'

// Refused: sealedKeyWriters: it requires sealedKeys
param environmentName = 'test'
param location = 'westeurope'
param sealedKeyWriters = [
  '00000000-0000-4000-8000-00000000000a'
]
