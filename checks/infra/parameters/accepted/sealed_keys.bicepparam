using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param databaseCapacity = 'serverless'
param sealedKeys = true
param sealedKeyWriters = [
  '00000000-0000-4000-8000-00000000000a'
  '00000000-0000-4000-8000-00000000000b'
]
