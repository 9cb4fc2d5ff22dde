// The alert on the vault's log. The log of the containers is not collected: Container Instances would need the workspace's key for it,
// and the workspace accepts none.

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

module alert '../modules/logRule.bicep' = {
  params: {
    location: location
    tags: tags
    name: '${namePrefix}-vault'
    title: 'someone else may have a secret'
    severity: 0
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    problems: problems
    signerLog: ''
    enabled: true
    actionGroupId: actionGroupId
    workspaceId: workspaceId
  }
}
