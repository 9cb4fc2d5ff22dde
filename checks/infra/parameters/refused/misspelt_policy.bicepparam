using '../../../../infra/main.bicep'

// Refused: BCP089
param environmentName = 'test'
param location = 'westeurope'
param policy = {
  default: {
    kind: [
      'block'
    ]
  }
}
