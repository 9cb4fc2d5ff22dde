using '../../../../infra/main.bicep'

param environmentName = 'test'
param location = 'westeurope'
param networking = 'isolated'
param networkPrefix = '10.20.0.0/24'
param flexSubnetPrefix = '10.20.0.0/26'
param premiumSubnetPrefix = '10.20.0.128/26'
param endpointSubnetPrefix = '10.20.0.64/27'
