using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param secondRegion = 'northeurope'
param thirdRegion = 'uksouth'
