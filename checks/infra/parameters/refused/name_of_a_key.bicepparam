using '../../../../infra/main.bicep'

// Refused: my_baker has more than
param environmentName = 'test'
param location = 'westeurope'
param keys = [
  {
    name: 'my_baker'
    curve: 'P-256'
  }
]
