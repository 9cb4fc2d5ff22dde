using '../../../../infra/main.bicep'

// Refused: databaseCapacity: serverless has a single region
param environmentName = 'test'
param location = 'westeurope'
param secondRegion = 'northeurope'
param databaseCapacity = 'serverless'
