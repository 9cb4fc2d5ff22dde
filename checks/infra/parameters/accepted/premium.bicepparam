using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param plan = 'premium'
param alwaysReady = 2
param operatorPrincipalId = '00000000-0000-4000-8000-00000000000a'
