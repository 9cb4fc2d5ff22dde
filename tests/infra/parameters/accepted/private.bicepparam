using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param privateNetworking = true
param networkPrefix = '10.20.0.0/24'
param appSubnetPrefix = '10.20.0.0/26'
param endpointSubnetPrefix = '10.20.0.64/27'
