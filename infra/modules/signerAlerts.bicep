// Alerts on one signer: on metrics of its vault, and, if wanted, on the availability of its app from the internet. Severities are as in logAlerts.bicep.

import { textsType } from '../types.bicep'

@description('Region of the availability test.')
param location string

@description('Tags of all alerts.')
param tags textsType

@description('Prefix of the names of all alerts.')
param namePrefix string

@description('Suffix of the names of all alerts: empty for the first signer.')
param nameSuffix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Application Insights component, which runs the availability test.')
param applicationInsightsId string

@description('Resource id of the Key Vault.')
param keyVaultId string

@description('Address of the function app, https://….')
param appUrl string

@description('Whether an availability test requests /health from the internet.')
param availabilityTest bool = false

@description('Whether the alerts are on.')
param enabled bool = true

@description('Locations of the availability test. An alert is raised when two of them fail.')
param testLocations string[] = [
  'emea-nl-ams-azr'
  'emea-gb-db3-azr'
  'us-va-ash-azr'
  'us-tx-sn1-azr'
  'apac-sg-sin-azr'
]

// --- metrics of the vault ---------------------------------------------------------------------------------------------

@description('Requests that were throttled.')
var throttled = {
  name: 'StatusCode'
  operator: 'Include'
  values: ['429']
}

@description('Requests that were forbidden.')
var forbidden = {
  name: 'StatusCode'
  operator: 'Include'
  values: ['403']
}

@description('The rules on metrics.')
var metricRules = [
  {
    name: 'vault-throttled'
    title: 'The vault throttles requests'
    description: 'The vault rejected requests (429): more than 2,000 signatures in ten seconds, or someone else uses the vault. The signer retries until its deadline. First: check in the workbook under "Vault" where the load comes from.'
    severity: 2
    scope: keyVaultId
    namespace: 'Microsoft.KeyVault/vaults'
    metric: 'ServiceApiResult'
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: [throttled]
    frequency: 'PT1M'
    window: 'PT5M'
  }
  {
    name: 'vault-forbidden'
    title: 'The vault forbids requests'
    description: 'The vault answered 403: a role is missing, the firewall does not allow the address, or someone without access is trying. First: does the signer still sign? If not, check its role on the vault and the network rules; if it does, see in the audit log of the vault who was rejected.'
    severity: 2
    scope: keyVaultId
    namespace: 'Microsoft.KeyVault/vaults'
    metric: 'ServiceApiResult'
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: [forbidden]
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'vault-availability'
    title: 'The vault is unavailable'
    description: 'Requests to the vault fail on its side. Nothing can be signed while it is down; signing stays safe. First: check the status of Azure Key Vault in the region. All you can do is wait, or bake with another key.'
    severity: 1
    scope: keyVaultId
    namespace: 'Microsoft.KeyVault/vaults'
    metric: 'Availability'
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: 99
    dimensions: []
    frequency: 'PT1M'
    window: 'PT5M'
  }
  {
    name: 'vault-saturation'
    title: 'The vault is near its limit'
    description: 'The vault is near its limit of operations per ten seconds, and will throttle. First: check in the workbook under "Vault" where the load comes from; move other uses to a separate vault.'
    severity: 3
    scope: keyVaultId
    namespace: 'Microsoft.KeyVault/vaults'
    metric: 'SaturationShoebox'
    aggregation: 'Average'
    operator: 'GreaterThan'
    threshold: 75
    dimensions: []
    frequency: 'PT5M'
    window: 'PT15M'
  }
]

@description('The rules on metrics, in Azure\'s format.')
var metricProperties = [
  for rule in metricRules: {
    description: 'Tezos signer: ${rule.title}. ${rule.description}'
    severity: rule.severity
    enabled: enabled
    scopes: [rule.scope]
    evaluationFrequency: rule.frequency
    windowSize: rule.window
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.metric
          metricNamespace: rule.namespace
          metricName: rule.metric
          timeAggregation: rule.aggregation
          operator: rule.operator
          threshold: rule.threshold
          dimensions: rule.dimensions
          // A new account does not emit every metric from the start.
          skipMetricValidation: true
        }
      ]
    }
    autoMitigate: true
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for (rule, index) in metricRules: {
    name: '${namePrefix}-${rule.name}${nameSuffix}'
    location: 'global'
    tags: tags
    properties: metricProperties[index]
  }
]

// --- availability -----------------------------------------------------------------------------------------------------

@description('Name of the availability test.')
var testName = '${namePrefix}-health${nameSuffix}'

@description('Tags of the availability test.')
var testTags = union(tags, { 'hidden-link:${applicationInsightsId}': 'Resource' })

@description('Locations of the availability test, in Azure\'s format.')
var testPlaces = [
  for place in testLocations: {
    Id: place
  }
]

// /health needs no key; it answers 200 if there are keys, levels can be checked, and the database answers.
resource healthTest 'Microsoft.Insights/webtests@2022-06-15' = if (availabilityTest) {
  name: testName
  location: location
  tags: testTags
  kind: 'standard'
  properties: {
    SyntheticMonitorId: testName
    Name: testName
    Description: 'Checks whether the signer can sign.'
    Enabled: enabled
    Kind: 'standard'
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: testPlaces
    Request: {
      RequestUrl: '${appUrl}/health'
      HttpVerb: 'GET'
      ParseDependentRequests: false
      FollowRedirects: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

@description('The rule on the availability test.')
var healthProperties = {
  description: 'Tezos signer: it reports that it cannot sign, or does not answer, at two or more locations. First: open /health of the app. 503: it is running, but keys, the head of the chain or the database are missing; its log says which. No answer: check whether the app is running and whether your address is allowed.'
  severity: 1
  enabled: enabled
  scopes: [
    healthTest.id
    applicationInsightsId
  ]
  evaluationFrequency: 'PT1M'
  windowSize: 'PT5M'
  criteria: {
    'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
    webTestId: healthTest.id
    componentId: applicationInsightsId
    failedLocationCount: 2
  }
  autoMitigate: true
  actions: [
    {
      actionGroupId: actionGroupId
    }
  ]
}

resource healthAlert 'Microsoft.Insights/metricAlerts@2026-01-01' = if (availabilityTest) {
  name: '${namePrefix}-health${nameSuffix}'
  location: 'global'
  tags: tags
  properties: healthProperties
}
