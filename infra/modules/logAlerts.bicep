// Alerts on logs: one rule per severity, since each rule costs the same whatever it looks for (docs/costs.md). A rule finds all
// problems of its severity; each has a query in ../queries/alerts, which is tested alone.

import { textsType } from '../types.bicep'

@description('Region of the alerts.')
param location string = resourceGroup().location

@description('Tags of all alerts.')
param tags textsType = {}

@description('Prefix of the names of all alerts.')
param namePrefix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Principal (object) ids of the signers\' identities. A vault that signs or unwraps for any other identity raises an alert.')
@minLength(1)
param signerPrincipalIds string[]

@description('Locations of the deployed packages: /<storage account>/<container>.')
@minLength(1)
param packagePaths string[]

@description('Whether the alerts are on.')
param enabled bool = true

@description('Minutes without a signature after which a key that signs votes or blocks raises an alert. 0: never.')
@minValue(0)
@maxValue(1440)
param noSignatureMinutes int = 30

@description('Maximum latency of a vote in milliseconds, at the 95th percentile of half an hour.')
@minValue(1)
param latencyMs int = 1000

@description('Number of refusals of one cause within 15 minutes above which an alert is raised.')
@minValue(1)
param manyRefusals int = 50

@description('Number of starts within an hour above which an alert is raised: more than the instances that you run.')
@minValue(1)
param manyStarts int = 10

@description('The query that turns each line of the log into a row.')
var signerLog = loadTextContent('../queries/signer_log.kql')

@description('Conditions of the vault\'s log for each signer.')
var callersAreSigners = [
  for id in signerPrincipalIds: 'Caller has \'${id}\''
]

@description('Conditions of the blob service\'s log for each package.')
var objectsArePackages = [
  for path in packagePaths: 'ObjectKey contains \'${path}\''
]

@description('Whether a line of the vault\'s log is about a signer.')
var isSigner = join(callersAreSigners, ' or ')

@description('Whether a line of the blob service\'s log is about a package.')
var isPackage = join(objectsArePackages, ' or ')

// Severities: 0: nothing can be signed, or someone else may be signing; 1: votes or blocks are being missed, or may be soon; 2: look
// today. The windows of the problems are in their queries: longer than the interval between evaluations, since lines take some
// minutes to arrive. Each description says what the problem means and what to do first.
@description('The rules, with the problems that they find.')
var rules = [
  {
    name: 'log-0'
    title: 'nothing can be signed, or someone else may be signing'
    severity: 0
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    problems: [
      {
        name: 'unsuitable-account'
        title: 'The database cannot store marks safely'
        description: 'No block or vote is signed, because the database account is not strongly consistent or has several write regions, or else ALLOW_WEAK_CONSISTENCY is set and marks may be lost. First: read the reason; someone changed the account or the settings. Revert the change; the signer checks again automatically.'
        query: loadTextContent('../queries/alerts/unsuitable_account.kql')
        enabled: true
      }
      {
        name: 'signed-by-others'
        title: 'Another identity signs with a key'
        description: 'The vault created a signature for another identity than the signer\'s: no mark covers it, and it may be a double vote. First: was it you (doctor --sign, or a signer on a laptop)? If not, immediately disable the key, or remove the lock of the vault (az lock delete) and then the role of that identity.'
        query: replace(loadTextContent('../queries/alerts/signed_by_others.kql'), '{isSigner}', isSigner)
        enabled: true
      }
      {
        name: 'unwrapped-by-others'
        title: 'Another identity unwraps with the key for sealed keys'
        description: 'The vault unwrapped the data key of a sealed key for another identity than the signer\'s: if that identity also has the sealed key, it has the secret, and the vault will not see what is signed with it. First: was it you (sealed rewrap or check)? If not, register a new key on chain now, since removing a role or a recipient revokes nothing; then find out who assigned the role.'
        query: replace(loadTextContent('../queries/alerts/unwrapped_by_others.kql'), '{isSigner}', isSigner)
        enabled: true
      }
      {
        name: 'signed-elsewhere'
        title: 'The chain has a signature that was not made here'
        description: 'A block shows a vote or a block of a key that this signer did not make, or the delegate was denounced for signing twice. The signer has stopped the key, unless ON_FOREIGN_SIGNATURE is alert. First: disable the key in the vault, then find out who else can sign with it.'
        query: loadTextContent('../queries/alerts/signed_elsewhere.kql')
        enabled: true
      }
    ]
  }
  {
    name: 'log-1'
    title: 'votes or blocks are being missed, or may be soon'
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
    // no-signature compares with the signatures of two days.
    lookback: 'P2D'
    problems: [
      {
        name: 'failed'
        title: 'Requests failed'
        description: 'The signer could not answer requests: a vote or a block was missed, and no signature was released. The subject is the cause. First: read the reasons in the workbook under "Not signed". vault or store: check their health there and the status of Azure; head_unknown: check the Tezos node; bound_elsewhere: the key is bound to another mark store; marks_lost: the mark store has lost marks, so stop all signers and follow the guide for a lost database; deadline: check latency; wrong_signature or internal: stop, and report it.'
        query: loadTextContent('../queries/alerts/failed.kql')
        enabled: true
      }
      {
        name: 'host-errors'
        title: 'Errors from the host'
        description: 'The host answered the baker with an error that the signer has not logged: the process was not running, did not start in time, or was killed. First: check in the workbook under "Instances" whether the process exits with errors, then restart the app.'
        query: loadTextContent('../queries/alerts/host_errors.kql')
        enabled: true
      }
      {
        name: 'no-signature'
        title: 'A key has stopped signing'
        description: 'A key that signed votes or blocks in the last two days has signed none recently. It compares with earlier signatures, so it is also raised when the signer is down; it resolves after two days of silence. First: open /health of the app. If it answers 200, check the baker: is it running, does it reach the app, does the key have rights?'
        query: replace(loadTextContent('../queries/alerts/no_signature.kql'), '{minutes}', string(noSignatureMinutes))
        enabled: noSignatureMinutes > 0
      }
      {
        name: 'crashes'
        title: 'The process exited with an error'
        description: 'The signer exited with an error, or the host gave up restarting it: three such exits, each within half an hour of the previous one, stop the host. First: read its last lines in the workbook under "Instances". They list all invalid settings.'
        query: loadTextContent('../queries/alerts/crashes.kql')
        enabled: true
      }
      {
        name: 'keys-missing'
        title: 'A key is missing'
        description: 'A key that could sign no longer can, or there are no keys, or the policy names a missing key. First: check in the vault whether the key or its version is disabled, deleted (it can be recovered) or expired, and whether the role of the signer is still assigned.'
        query: loadTextContent('../queries/alerts/keys_missing.kql')
        enabled: true
      }
      {
        name: 'vault-keys-changed'
        title: 'A key was changed in the vault'
        description: 'Someone created, imported, rotated, updated, backed up, restored or deleted a key in the vault. A new version has a new address, which signs nothing until it is registered; a rotation policy creates such versions automatically. First: find out who did it (caller and address in the workbook under "Vault"); if it was not authorized, remove the lock of the vault and then the roles of the caller.'
        query: loadTextContent('../queries/alerts/vault_keys_changed.kql')
        enabled: true
      }
      {
        name: 'package-written'
        title: 'The program of the app was replaced'
        description: 'A package was published, or someone wrote to the container from which the app loads its program. Such a program can sign with every key. The subject is the object id of the caller: the identity of the app if the deployment service wrote it (any plan but Premium), otherwise the uploader. First: was it your deployment? If not, disable the keys, then find the source address in the table StorageBlobLogs, and deploy a version that you trust.'
        query: replace(loadTextContent('../queries/alerts/package_written.kql'), '{isPackage}', isPackage)
        enabled: true
      }
    ]
  }
  {
    name: 'log-2'
    title: 'look today'
    severity: 2
    frequency: 'PT15M'
    window: 'PT1H'
    lookback: ''
    problems: [
      {
        name: 'different-data'
        title: 'Two bakers disagree'
        description: 'Two different votes or blocks were requested at one level and round with one key. The second was refused: nothing was signed twice. With two bakers, this happens occasionally. First: check whether the nodes of both are healthy, or one lags behind. With one baker, find out who else sends requests (requester, and the invocations in the workbook): someone may have the function key.'
        query: loadTextContent('../queries/alerts/different_data.kql')
        enabled: true
      }
      {
        name: 'marks-need-care'
        title: 'A mark prevents signing'
        description: 'Refusals that will continue: the level is too far above the mark (too_far), or equals a mark without a valid signature (raised_here, signature_unknown, stored_signature_invalid). First: compare the level in the reason with the head of the chain. If the level is right, raise the mark; if not, the node of the baker is wrong.'
        query: loadTextContent('../queries/alerts/marks_need_care.kql')
        enabled: true
      }
      {
        name: 'many-refusals'
        title: 'Many refusals'
        description: 'More refusals of one cause (the subject) within 15 minutes than usual. below_mark: a second baker is always late, or a node is behind. unauthenticated, unknown_key: someone who has the address and the function key is probing; change the function key. policy, payload: a client requests signatures that are not allowed. First: read the latest requests in the workbook under "Not signed".'
        query: replace(loadTextContent('../queries/alerts/many_refusals.kql'), '{manyRefusals}', string(manyRefusals))
        enabled: true
      }
      {
        name: 'latency'
        title: 'Signatures are slow'
        description: 'At the 95th percentile of half an hour, votes and blocks take longer in the signer than the limit. Votes that miss their deadline are not included, and neither is the time of the host. First: see latency by stage with azurehsm-signer doctor: is it the vault or the database?'
        query: replace(loadTextContent('../queries/alerts/latency.kql'), '{latencyMs}', string(latencyMs))
        enabled: true
      }
      {
        name: 'starts'
        title: 'Many starts'
        description: 'The program was started more often within an hour than scaling explains: it is being restarted, or the app scales up and down. Requests wait while it starts. First: check in the workbook under "Instances" whether one instance starts repeatedly, or many start once.'
        query: replace(loadTextContent('../queries/alerts/starts.kql'), '{manyStarts}', string(manyStarts))
        enabled: true
      }
      {
        name: 'background-task'
        title: 'A background task failed'
        description: 'A bug in the program: a task that renews tokens, keeps connections warm or follows the chain ended, and was restarted. Signing continues. First: note the line with its task and the version, restart the app if requests fail, and report it.'
        query: loadTextContent('../queries/alerts/background_task.kql')
        enabled: true
      }
      {
        name: 'lines-dropped'
        title: 'Log lines are missing'
        description: 'The host read the log too slowly, and the signer dropped lines instead of waiting: the log is incomplete, but the marks are not affected. First: check whether an instance is short of processor time; a larger instance helps.'
        query: loadTextContent('../queries/alerts/lines_dropped.kql')
        enabled: true
      }
    ]
  }
]

module alerts 'logRule.bicep' = [
  for rule in rules: {
    params: {
      location: location
      tags: tags
      name: '${namePrefix}-${rule.name}'
      title: rule.title
      severity: rule.severity
      frequency: rule.frequency
      window: rule.window
      lookback: rule.lookback
      problems: rule.problems
      signerLog: signerLog
      enabled: enabled
      actionGroupId: actionGroupId
      workspaceId: workspaceId
    }
  }
]
