using '../../../../infra/main.bicep'

// Refused: BCP088
param environmentName = 'test'
param location = 'westeurope'
param keys = [
  {
    name: 'baker'
    curve: 'P256'
  }
]
