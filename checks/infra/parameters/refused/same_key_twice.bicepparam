using '../../../../infra/main.bicep'

// Refused: two keys have the same name
param environmentName = 'test'
param location = 'westeurope'
param keys = [
  {
    name: 'baker'
    curve: 'P-256'
  }
  {
    name: 'Baker'
    curve: 'P-256K'
  }
]
