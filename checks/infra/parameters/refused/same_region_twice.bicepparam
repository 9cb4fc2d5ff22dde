using '../../../../infra/main.bicep'

// Refused: two are the same
param environmentName = 'test'
param location = 'westeurope'
param secondRegion = 'West Europe'
