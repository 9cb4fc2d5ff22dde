// The app settings of the signer and of the Functions host. This module creates no resources.

import { policyType, signerSettingsType, textsType } from '../types.bicep'

@description('Address of the vault.')
param keyVaultUrl string

@description('Address of the account with the marks.')
param cosmosEndpoint string

@description('Name of the database.')
param cosmosDatabase string

@description('Name of the container.')
param cosmosContainer string

@description('Name of the container with sealed keys, or empty.')
param sealedKeysContainer string

@description('Client identifier of the identity.')
param clientId string

@description('Tezos nodes that report the head of the chain.')
param nodeUrls string[]

@description('What each key may sign.')
param policy policyType

@description('Public keys, one of which must sign every request.')
param authorizedKeys string[]

@description('Settings of the signer by name, which override the defaults here.')
param signerSettings signerSettingsType

@description('Address of the blob service of the Functions host.')
param blobUrl string

@description('Address of the container with the history of signatures, or empty.')
param auditContainerUrl string

@description('Connection string for telemetry.')
param applicationInsightsConnectionString string

// The signer's own defaults, written out so that they can be seen and changed in the portal.
@description('Settings of the signer with their defaults.')
var defaults = {
  SIGNING_KEYS: ''
  SIGNING_KEY_TAG: ''
  KEYS_REFRESH_SECONDS: '300'
  VAULT_HEDGE_MS: '800'
  VAULT_IDLE_SECONDS: '60'
  STORE_HEDGE_MS: '800'
  ALLOW_WEAK_CONSISTENCY: 'false'
  OBSERVE: 'false'
  PARTICIPATION: 'on'
  HEAD_THRESHOLD: '120'
  HEAD_REFRESH_MS: '3000'
  HEAD_MAX_AGE_MS: '60000'
  WHEN_HEAD_UNKNOWN: 'fail'
  MAX_LEVEL_JUMP: '100000'
  CHAIN_WITNESS: 'on'
  ON_FOREIGN_SIGNATURE: 'stop'
  ALLOW_LIST_KNOWN_KEYS: 'false'
  CLIENT_CERTIFICATES: ''
  REQUEST_DEADLINE_MS: '4000'
  RUST_LOG: 'info'
}

@description('Settings that are parameters of the template.')
var parameters = {
  POLICY: empty(policy) ? '' : string(policy)
  NODE_URLS: join(nodeUrls, ',')
  AUTHORIZED_KEYS: join(authorizedKeys, ',')
  AUDIT_CONTAINER_URL: auditContainerUrl
  SEALED_KEYS_CONTAINER: sealedKeysContainer
}

// These cannot be overridden.
@description('Settings that follow from the deployment itself.')
var deployed = {
  KEY_VAULT_URL: keyVaultUrl
  COSMOS_ENDPOINT: cosmosEndpoint
  COSMOS_DATABASE: cosmosDatabase
  COSMOS_CONTAINER: cosmosContainer
  AZURE_CLIENT_ID: clientId
  // There is no metadata service of virtual machines here.
  COSMOS_DISABLE_IMDS: '1'
  // The alerts and the workbook read the fields of each line.
  LOG_FORMAT: 'json'
}

@description('Settings of the Functions host.')
var host = {
  AzureWebJobsStorage__blobServiceUri: blobUrl
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  AzureWebJobsDisableHomepage: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
}

@description('Timeout of a request in host.json, in seconds, after which the Functions host replaces the signer.')
var hostTimeout = 15

@description('The deadline of a request.')
var deadline = string(union(defaults, signerSettings).REQUEST_DEADLINE_MS)

@description('Required timeout in seconds: the deadline, and a margin.')
var neededTimeout = int(deadline) / 1000 + 5

@description('Minutes of the required timeout.')
var minutes = padLeft(neededTimeout / 60, 2, '0')

@description('Seconds of the required timeout.')
var seconds = padLeft(neededTimeout % 60, 2, '0')

@description('App setting that overrides host.json, if necessary.')
var hostJson = neededTimeout > hostTimeout ? { AzureFunctionsJobHost__functionTimeout: '00:${minutes}:${seconds}' } : {}

@description('All settings by name.')
output settings textsType = union(defaults, parameters, signerSettings, deployed, host, hostJson)
