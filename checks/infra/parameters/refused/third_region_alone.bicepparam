using '../../../../infra/main.bicep'

// Refused: thirdRegion: it requires secondRegion
param environmentName = 'test'
param location = 'westeurope'
param thirdRegion = 'uksouth'
