using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param secondRegion = 'northeurope'
param signerInSecondRegion = true
param operatorPrincipalId = '00000000-0000-4000-8000-00000000000a'
