using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param allowedAddresses = [
  '203.0.113.7/32'
  '198.51.100.0/24'
]
