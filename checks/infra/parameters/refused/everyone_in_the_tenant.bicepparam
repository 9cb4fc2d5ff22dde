using '../../../../infra/main.bicep'

// Refused: authentication: allowedPrincipals must name an identity
param environmentName = 'test'
param location = 'westeurope'
param authentication = {
  clientId: '00000000-0000-4000-8000-00000000000b'
}
