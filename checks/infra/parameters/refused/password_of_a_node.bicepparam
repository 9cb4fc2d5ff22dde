using '../../../../infra/main.bicep'

// Refused: without a password
param environmentName = 'test'
param location = 'westeurope'
param nodeUrls = [
  'https://me:secret@node.example.com'
]
