using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param vaultRole = 'builtIn'
param protectFromDeletion = false
param networking = 'serviceEndpoints'
