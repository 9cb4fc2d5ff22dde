// The alert on the vault's log. The log of the containers is not collected: Container Instances would need the workspace's key for it,
// and the workspace accepts none.

import { ruleDescription, ruleQuery } from '../alertQueries.bicep'
import { textsType } from '../types.bicep'

@description('Region of the alert.')
param location string

@description('Tags of the alert.')
param tags textsType

@description('Prefix of the name.')
param namePrefix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Principal (object) id of the signer\'s identity.')
param signerPrincipalId string

@description('Whether a line of the vault\'s log is about the signer.')
var isSigner = 'Caller has \'${signerPrincipalId}\''

@description('The problems that the rule finds.')
var problems = [
  {
    name: 'unwrapped-by-others'
    title: 'The key for sealed keys was used by another identity, or released to it'
    description: 'If that identity also has a sealed key, it has the secret, and the vault will not see what is signed with it. First: was it you? If not, register a new key on chain now, since removing a role or a recipient revokes nothing; then find out who assigned the role.'
    query: replace(loadTextContent('../queries/alerts/unwrapped_by_others.kql'), '{isSigner}', isSigner)
    enabled: true
  }
  {
    name: 'vault-keys-changed'
    title: 'A key was changed in the vault'
    description: 'Someone created, imported, rotated, updated, backed up, restored or deleted a key. The policy restricts the release of a key, not its operations: with others, the vault itself unwraps. First: find out who did it; if it was not authorized, remove the lock of the vault and then the roles of the caller.'
    query: loadTextContent('../queries/alerts/vault_keys_changed.kql')
    enabled: true
  }
]

resource alert 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: '${namePrefix}-vault'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Tezos signer: someone else may have a secret'
    description: ruleDescription(problems)
    severity: 0
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          query: ruleQuery(problems, '')
          timeAggregation: 'Count'
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
