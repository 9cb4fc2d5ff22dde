using '../../../../infra/main.bicep'

// Refused: me is not an object id
param environmentName = 'test'
param location = 'westeurope'
param operatorPrincipalId = 'me'
