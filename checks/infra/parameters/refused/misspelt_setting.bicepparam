using '../../../../infra/main.bicep'

// Refused: BCP089
param environmentName = 'test'
param location = 'westeurope'
param signerSettings = {
  HEAD_TRESHOLD: '60'
}
