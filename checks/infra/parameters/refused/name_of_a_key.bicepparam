using '../../../../infra/main.bicep'

// Refused: my_baker may only have
param environmentName = 'test'
param location = 'westeurope'
param keys = [
  {
    name: 'my_baker'
    curve: 'P-256'
  }
]
