// A rule for alerts on logs, which finds several problems.

import { problemType, ruleDescription, ruleQuery } from '../alertQueries.bicep'
import { textsType } from '../types.bicep'

@description('Region of the rule.')
param location string

@description('Tags of the rule.')
param tags textsType

@description('Name of the rule.')
param name string

@description('What its problems have in common.')
param title string

@description('Severity of its alerts.')
param severity int

@description('How often it is evaluated.')
param frequency string

@description('How much of the log it reads.')
param window string

@description('How much of the log its query reads, if more than the window, or empty.')
param lookback string

@description('The problems that it finds.')
param problems problemType[]

@description('The query that turns each line of the signer\'s log into a row, or empty if no problem reads that log.')
param signerLog string

@description('Whether it is on.')
param enabled bool

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

resource rule 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Tezos signer: ${title}'
    description: ruleDescription(problems)
    severity: severity
    enabled: enabled
    scopes: [workspaceId]
    evaluationFrequency: frequency
    windowSize: window
    overrideQueryTimeRange: empty(lookback) ? null : lookback
    criteria: {
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          query: ruleQuery(problems, signerLog)
          timeAggregation: 'Count'
          // Each problem, and each key or cause that it is about, is an alert of its own. Once active, it is not raised again by the
          // same lines.
          dimensions: [
            {
              name: 'Problem'
              operator: 'Include'
              values: ['*']
            }
            {
              name: 'Subject'
              operator: 'Include'
              values: ['*']
            }
          ]
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    checkWorkspaceAlertsStorageConfigured: false
    skipQueryValidation: true
    actions: {
      actionGroups: [actionGroupId]
    }
  }
}
