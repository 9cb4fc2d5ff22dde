using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param keys = [
  {
    name: 'baker'
    curve: 'P-256'
  }
  {
    name: 'Baker-2'
    curve: 'P-256K'
  }
]
