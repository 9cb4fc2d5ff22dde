using '../../../../infra/main.bicep'

// Refused: me is no object id
param environmentName = 'test'
param location = 'westeurope'
param operatorPrincipalId = 'me'
