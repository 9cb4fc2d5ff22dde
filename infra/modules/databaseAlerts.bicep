// Alerts on metrics of the database. Each description says what the alert means and what to do first.

import { textsType } from '../types.bicep'

@description('Tags of all alerts.')
param tags textsType = {}

@description('Prefix of the names of all alerts.')
param namePrefix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Cosmos DB account.')
param cosmosAccountId string

@description('Whether the alerts are on.')
param enabled bool = true

@description('Maximum average latency of the database in milliseconds.')
@minValue(1)
param databaseLatencyMs int = 50

@description('Requests that were throttled.')
var throttled = {
  name: 'StatusCode'
  operator: 'Include'
  values: ['429']
}

@description('The rules on metrics.')
var metricRules = [
  {
    name: 'database-throttled'
    title: 'The database throttles requests'
    description: 'The database rejected requests (429). Without a written mark, no signature is released. First: raise the request units of the container.'
    severity: 1
    scope: cosmosAccountId
    namespace: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'TotalRequests'
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    dimensions: [throttled]
    frequency: 'PT1M'
    window: 'PT5M'
  }
  {
    name: 'database-availability'
    title: 'The database is unavailable'
    description: 'Requests to the database fail on its side. No block or vote is signed while it is down. First: check the status of Azure Cosmos DB in the region. Before a failover, read in the documentation what it means for marks.'
    severity: 1
    scope: cosmosAccountId
    namespace: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'ServiceAvailability'
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: 99
    dimensions: []
    frequency: 'PT5M'
    window: 'PT1H'
  }
  {
    name: 'database-busy'
    title: 'The database is near its limit'
    description: 'More than 80 % of the request units of a partition were used within a minute: it will throttle. First: raise the request units of the container.'
    severity: 3
    scope: cosmosAccountId
    namespace: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'NormalizedRUConsumption'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 80
    dimensions: []
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'database-latency'
    title: 'The database is slow'
    description: 'The average latency of the database is high, and every block and vote waits for one write. First: check whether the write region is that of the app, and whether a region was added: a strong write waits for two regions.'
    severity: 2
    scope: cosmosAccountId
    namespace: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'ServerSideLatencyGateway'
    aggregation: 'Average'
    operator: 'GreaterThan'
    threshold: databaseLatencyMs
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
    name: '${namePrefix}-${rule.name}'
    location: 'global'
    tags: tags
    properties: metricProperties[index]
  }
]
