using '../../../../infra/main.bicep'

// Refused: signerInSecondRegion: it requires secondRegion
param environmentName = 'test'
param location = 'westeurope'
param signerInSecondRegion = true
