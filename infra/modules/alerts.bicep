// Alerts on the signers' log, on metrics of the database, and on changes in Azure; those on one vault or app are in
// signerAlerts.bicep. Each description says what the alert means and what to do first. The queries are the files in ../queries.
//
// Severities: 0: nothing can be signed, or someone else may be signing; 1: votes or blocks are being missed, or may be soon;
// 2: look today; 3: good to know.

import { textsType } from '../types.bicep'

@description('Region of the workspace and of the alerts on logs.')
param location string = resourceGroup().location

@description('Tags of all alerts.')
param tags textsType = {}

@description('Prefix of the names of all alerts.')
param namePrefix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of the Cosmos DB account.')
param cosmosAccountId string

@description('Principal (object) ids of the signers\' identities. A signature of a vault for any other identity raises an alert.')
@minLength(1)
param signerPrincipalIds string[]

@description('Locations of the deployed packages: /<storage account>/<container>.')
@minLength(1)
param packagePaths string[]

@description('Whether alerts on logs and metrics are on.')
param enabled bool = true

@description('Whether changes of roles, vault, database or app in the resource group raise an alert. You may want this off while working on a deployment.')
param alertOnChanges bool = true

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

@description('Maximum average latency of the database in milliseconds.')
@minValue(1)
param databaseLatencyMs int = 50

// --- the signer's log -------------------------------------------------------------------------------------------------

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

// Dimensions: each value of the column has its own alert.
@description('An alert per cause.')
var byCause = {
  name: 'Cause'
  operator: 'Include'
  values: ['*']
}

@description('An alert per caller.')
var byCaller = {
  name: 'Caller'
  operator: 'Include'
  values: ['*']
}

@description('An alert per key.')
var byKey = {
  name: 'Key'
  operator: 'Include'
  values: ['*']
}

@description('An alert per kind.')
var byKind = {
  name: 'Kind'
  operator: 'Include'
  values: ['*']
}

@description('An alert per operation.')
var byOperationName = {
  name: 'OperationName'
  operator: 'Include'
  values: ['*']
}

@description('An alert per place of measurement.')
var byPlace = {
  name: 'Place'
  operator: 'Include'
  values: ['*']
}

@description('An alert per status.')
var byResultCode = {
  name: 'ResultCode'
  operator: 'Include'
  values: ['*']
}

// Windows are longer than the interval between evaluations, since lines take some minutes to arrive and must not be missed.
// An active alert is not raised again by the same lines.
@description('The rules on logs.')
var queryRules = [
  {
    name: 'failed'
    title: 'Requests failed'
    description: 'The signer could not answer requests: a vote or a block was missed, and no signature was released. The dimension names the cause. First: read the reasons in the workbook under "Not signed". vault or store: check their health there and the status of Azure; head_unknown: check the Tezos node; bound_elsewhere: the key is bound to another mark store; marks_lost: the mark store has lost marks, so stop all signers and follow the guide for a lost database; deadline: check latency; wrong_signature or internal: stop, and report it.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/failed.kql')
    measure: ''
    dimensions: [byCause]
    threshold: 0
    enabled: true
  }
  {
    name: 'host-errors'
    title: 'Errors from the host'
    description: 'The host answered the baker with an error that the signer has not logged: the process was not running, did not start in time, or was killed. First: check in the workbook under "Instances" whether the process exits with errors, then restart the app.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/host_errors.kql')
    measure: ''
    dimensions: [byResultCode]
    threshold: 0
    enabled: true
  }
  {
    name: 'different-data'
    title: 'Two bakers disagree'
    description: 'Two different votes or blocks were requested at one level and round with one key. The second was refused: nothing was signed twice. With two bakers, this happens occasionally. First: check whether the nodes of both are healthy, or one lags behind. With one baker, find out who else sends requests (requester, and the invocations in the workbook): someone may have the function key.'
    severity: 2
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/different_data.kql')
    measure: ''
    dimensions: [byKey, byKind]
    threshold: 0
    enabled: true
  }
  {
    name: 'marks-need-care'
    title: 'A mark prevents signing'
    description: 'Refusals that will continue: the level is too far above the mark (too_far), or equals a mark without a valid signature (raised_here, signature_unknown, stored_signature_invalid). First: compare the level in the reason with the head of the chain. If the level is right, raise the mark; if not, the node of the baker is wrong.'
    severity: 2
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/marks_need_care.kql')
    measure: ''
    dimensions: [byCause, byKey]
    threshold: 0
    enabled: true
  }
  {
    name: 'many-refusals'
    title: 'Many refusals'
    description: 'More refusals of one cause than usual. below_mark: a second baker is always late, or a node is behind. unauthenticated, unknown_key: someone who has the address and the function key is probing; change the function key. policy, payload: a client requests signatures that are not allowed. First: read the latest requests in the workbook under "Not signed".'
    severity: 3
    frequency: 'PT15M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/many_refusals.kql')
    measure: ''
    dimensions: [byCause]
    threshold: manyRefusals
    enabled: true
  }
  {
    name: 'latency'
    title: 'Signatures are slow'
    description: 'At the 95th percentile, signatures take longer than the limit. Votes that miss their deadline are not included. The dimension says where: signer is the time for mark and signature, host is the total time that the baker waits. First: see latency in the workbook. Slow signer: vault or database; slow host only: instances are starting, so increase the number of instances that are always ready.'
    severity: 2
    frequency: 'PT15M'
    window: 'PT30M'
    lookback: ''
    query: loadTextContent('../queries/alerts/latency.kql')
    measure: 'P95'
    dimensions: [byPlace]
    threshold: latencyMs
    enabled: true
  }
  {
    name: 'no-signature'
    title: 'A key has stopped signing'
    description: 'A key that signed votes or blocks in the last two days has signed none recently. It compares with earlier signatures, so it is also raised when the signer is down; it resolves after two days of silence. First: open /health of the app. If it answers 200, check the baker: is it running, does it reach the app, does the key have rights?'
    severity: 1
    frequency: 'PT5M'
    window: 'PT5M'
    lookback: 'P2D'
    query: replace(loadTextContent('../queries/alerts/no_signature.kql'), '{minutes}', string(noSignatureMinutes))
    measure: ''
    dimensions: []
    threshold: 0
    enabled: noSignatureMinutes > 0
  }
  {
    name: 'crashes'
    title: 'The process exited with an error'
    description: 'The signer exited with an error, or the host gave up restarting it: three such exits, each within half an hour of the previous one, stop the host. First: read its last lines in the workbook under "Instances". They list all invalid settings.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/crashes.kql')
    measure: ''
    dimensions: []
    threshold: 0
    enabled: true
  }
  {
    name: 'starts'
    title: 'Many starts'
    description: 'The program was started more often within an hour than scaling explains: it is being restarted, or the app scales up and down. Requests wait while it starts. First: check in the workbook under "Instances" whether one instance starts repeatedly, or many start once.'
    severity: 3
    frequency: 'PT15M'
    window: 'PT1H'
    lookback: ''
    query: loadTextContent('../queries/alerts/starts.kql')
    measure: ''
    dimensions: []
    threshold: manyStarts
    enabled: true
  }
  {
    name: 'background-task'
    title: 'A background task failed'
    description: 'A bug in the program: a task that renews tokens, keeps connections warm or follows the chain ended, and was restarted. Signing continues. First: note the line with its task and the version, restart the app if requests fail, and report it.'
    severity: 2
    frequency: 'PT15M'
    window: 'PT30M'
    lookback: ''
    query: loadTextContent('../queries/alerts/background_task.kql')
    measure: ''
    dimensions: []
    threshold: 0
    enabled: true
  }
  {
    name: 'unsuitable-account'
    title: 'The database cannot store marks safely'
    description: 'No block or vote is signed, because the database account is not strongly consistent or has several write regions, or else ALLOW_WEAK_CONSISTENCY is set and marks may be lost. First: read the reason; someone changed the account or the settings. Revert the change; the signer checks again automatically.'
    severity: 0
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/unsuitable_account.kql')
    measure: ''
    dimensions: []
    threshold: 0
    enabled: true
  }
  {
    name: 'keys-missing'
    title: 'A key is missing'
    description: 'A key that could sign no longer can, or there are no keys, or the policy names a missing key. First: check in the vault whether the key or its version is disabled, deleted (it can be recovered) or expired, and whether the role of the signer is still assigned.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT15M'
    lookback: ''
    query: loadTextContent('../queries/alerts/keys_missing.kql')
    measure: ''
    dimensions: []
    threshold: 0
    enabled: true
  }
  {
    name: 'lines-dropped'
    title: 'Log lines are missing'
    description: 'The host read the log too slowly, and the signer dropped lines instead of waiting: the log is incomplete, but the marks are not affected. First: check whether an instance is short of processor time; a larger instance helps.'
    severity: 3
    frequency: 'PT15M'
    window: 'PT30M'
    lookback: ''
    query: loadTextContent('../queries/alerts/lines_dropped.kql')
    measure: ''
    dimensions: []
    threshold: 0
    enabled: true
  }
  {
    name: 'vault-keys-changed'
    title: 'A key was changed in the vault'
    description: 'Someone created, imported, rotated, updated, backed up, restored or deleted a key in the vault. A new version has a new address, which signs nothing until it is registered; a rotation policy creates such versions automatically. First: find out who did it (caller and address in the workbook under "Vault"); if it was not authorized, remove the lock of the vault and then the roles of the caller.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    query: loadTextContent('../queries/alerts/vault_keys_changed.kql')
    measure: ''
    dimensions: [byOperationName]
    threshold: 0
    enabled: true
  }
  {
    name: 'signed-by-others'
    title: 'Another identity signs with a key'
    description: 'The vault created a signature for another identity than the signer\'s: no mark covers it, and it may be a double vote. First: was it you (doctor --sign, or a signer on a laptop)? If not, immediately disable the key, or remove the lock of the vault (az lock delete) and then the role of that identity.'
    severity: 0
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    query: replace(loadTextContent('../queries/alerts/signed_by_others.kql'), '{isSigner}', isSigner)
    measure: ''
    dimensions: []
    threshold: 0
    enabled: true
  }
  {
    name: 'package-written'
    title: 'The program of the app was replaced'
    description: 'A package was published, or someone wrote to the container from which the app loads its program. Such a program can sign with every key. The dimension is the object id of the caller: the identity of the app if the deployment service wrote it (any plan but Premium), otherwise the uploader. First: was it your deployment? If not, disable the keys, then find the source address in the table StorageBlobLogs, and deploy a version that you trust.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    query: replace(loadTextContent('../queries/alerts/package_written.kql'), '{isPackage}', isPackage)
    measure: ''
    dimensions: [byCaller]
    threshold: 0
    enabled: true
  }
]

@description('The rules on logs, in Azure\'s format.')
var queryProperties = [
  for rule in queryRules: {
    displayName: 'Tezos signer: ${rule.title}'
    description: rule.description
    severity: rule.severity
    enabled: enabled && rule.enabled
    scopes: [workspaceId]
    evaluationFrequency: rule.frequency
    windowSize: rule.window
    overrideQueryTimeRange: empty(rule.lookback) ? null : rule.lookback
    criteria: {
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          query: 'let SignerLog = ${signerLog};\n${rule.query}'
          timeAggregation: empty(rule.measure) ? 'Count' : 'Maximum'
          metricMeasureColumn: empty(rule.measure) ? null : rule.measure
          dimensions: rule.dimensions
          operator: 'GreaterThan'
          threshold: rule.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    checkWorkspaceAlertsStorageConfigured: false
    // A table exists in the workspace from its first row on: the vault's may appear later than the alert.
    skipQueryValidation: true
    actions: {
      actionGroups: [actionGroupId]
    }
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for (rule, index) in queryRules: {
    name: '${namePrefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: queryProperties[index]
  }
]

// --- metrics of the database ------------------------------------------------------------------------------------------

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

// --- changes in Azure -------------------------------------------------------------------------------------------------

@description('Changes of permissions.')
var roleChanges = [
  for operation in [
    'Microsoft.Authorization/roleAssignments/write'
    'Microsoft.Authorization/roleAssignments/delete'
    'Microsoft.Authorization/roleDefinitions/write'
    'Microsoft.Authorization/roleDefinitions/delete'
    'Microsoft.Authorization/locks/delete'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/delete'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/write'
    'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/delete'
    'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'
    'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of the vault.')
var vaultChanges = [
  for operation in [
    'Microsoft.KeyVault/vaults/write'
    'Microsoft.KeyVault/vaults/delete'
    'Microsoft.KeyVault/vaults/keys/write'
    'Microsoft.KeyVault/vaults/accessPolicies/write'
    'Microsoft.KeyVault/vaults/deploy/action'
    'Microsoft.KeyVault/vaults/privateEndpointConnectionsApproval/action'
    'Microsoft.Insights/diagnosticSettings/write'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of the database.')
var databaseChanges = [
  for operation in [
    'Microsoft.DocumentDB/databaseAccounts/write'
    'Microsoft.DocumentDB/databaseAccounts/delete'
    'Microsoft.DocumentDB/databaseAccounts/failoverPriorityChange/action'
    'Microsoft.DocumentDB/databaseAccounts/offlineRegion/action'
    'Microsoft.DocumentDB/databaseAccounts/onlineRegion/action'
    'Microsoft.DocumentDB/databaseAccounts/regenerateKey/action'
    'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/delete'
    'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/write'
    'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/delete'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of the app and of the storage account with its package.')
var appChanges = [
  for operation in [
    'Microsoft.Web/sites/write'
    'Microsoft.Web/sites/delete'
    'Microsoft.Web/sites/stop/action'
    'Microsoft.Web/sites/restart/action'
    'Microsoft.Web/sites/config/write'
    'Microsoft.Web/sites/host/functionKeys/write'
    'Microsoft.Web/sites/publishxml/action'
    'Microsoft.Web/sites/publish/action'
    'Microsoft.Web/sites/extensions/write'
    'Microsoft.Web/sites/sourcecontrols/write'
    'Microsoft.Web/sites/basicPublishingCredentialsPolicies/write'
    'Microsoft.Storage/storageAccounts/write'
    'Microsoft.Storage/storageAccounts/delete'
    'Microsoft.Storage/storageAccounts/listKeys/action'
    'Microsoft.Storage/storageAccounts/regenerateKey/action'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

@description('Changes of logs and alerts.')
var monitoringChanges = [
  for operation in [
    'Microsoft.Insights/scheduledQueryRules/delete'
    'Microsoft.Insights/metricAlerts/delete'
    'Microsoft.Insights/activityLogAlerts/delete'
    'Microsoft.Insights/actionGroups/write'
    'Microsoft.Insights/actionGroups/delete'
    'Microsoft.Insights/diagnosticSettings/delete'
    'Microsoft.OperationalInsights/workspaces/delete'
  ]: {
    field: 'operationName'
    equals: operation
  }
]

// Activity log alerts have no severity and never resolve: each change sends one message, once it has succeeded.
@description('The rules on changes.')
var changeRules = [
  {
    name: 'roles'
    description: 'A role in the resource group was assigned, removed or redefined, a lock was deleted, or an identity was assigned to a resource. This may change who can sign or write marks. First: was it your deployment? If not, see in the activity log who did it, and revert it.'
    operations: roleChanges
  }
  {
    name: 'vault'
    description: 'The vault or a key in it was changed through Azure Resource Manager: its network, its access, its keys, or the destination of its audit log or that of the database. First: was it your deployment? If not, see in the activity log who did it. A deleted vault or key can be recovered for 90 days.'
    operations: vaultChanges
  }
  {
    name: 'database'
    description: 'The database account, or the container with the marks, was changed (regions, consistency, failover, keys) or deleted. With strong consistency, no acknowledged mark is lost in a failover; with anything less, no block or vote is signed. First: was it you? See in the activity log what was changed and by whom, and check with azurehsm-signer doctor that the account is still strongly consistent, with one write region. If marks were deleted, or an older account was restored, stop the app, and raise the marks above the head of the chain before you start it again.'
    operations: databaseChanges
  }
  {
    name: 'app'
    description: 'The function app, or the storage account with its package, was changed, stopped, restarted or deleted: its program, settings or network may have changed. Publishing and uploads do not go through Azure Resource Manager: for them, there is the alert package-written. First: was it your deployment? If not, see in the activity log who did it, and deploy a version that you trust.'
    operations: appChanges
  }
  {
    name: 'monitoring'
    description: 'An alert was deleted, its recipients were changed, or logs are no longer collected: the next alert may not arrive. Disabling an alert is not reported here. First: was it your deployment? If not, see in the activity log who did it.'
    operations: monitoringChanges
  }
]

@description('The rules on changes, in Azure\'s format.')
var changeProperties = [
  for rule in changeRules: {
    description: 'Tezos signer: ${rule.description}'
    enabled: alertOnChanges
    scopes: [resourceGroup().id]
    condition: {
      allOf: [
        {
          field: 'category'
          equals: 'Administrative'
        }
        {
          field: 'status'
          equals: 'Succeeded'
        }
        {
          anyOf: rule.operations
        }
      ]
    }
    actions: {
      actionGroups: [
        {
          actionGroupId: actionGroupId
        }
      ]
    }
  }
]

resource changeAlerts 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [
  for (rule, index) in changeRules: {
    name: '${namePrefix}-changed-${rule.name}'
    location: 'global'
    tags: tags
    properties: changeProperties[index]
  }
]

@description('The rule on the health of resources.')
var resourceHealthProperties = {
  description: 'Tezos signer: Azure reports that a resource of the signer is degraded or unavailable. First: open its page "Resource health", which shows since when, why, and what Azure is doing about it.'
  enabled: enabled
  scopes: [resourceGroup().id]
  condition: {
    allOf: [
      {
        field: 'category'
        equals: 'ResourceHealth'
      }
      {
        anyOf: [
          {
            field: 'properties.currentHealthStatus'
            equals: 'Degraded'
          }
          {
            field: 'properties.currentHealthStatus'
            equals: 'Unavailable'
          }
        ]
      }
    ]
  }
  actions: {
    actionGroups: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}

resource resourceHealthAlert 'Microsoft.Insights/activityLogAlerts@2026-01-01' = {
  name: '${namePrefix}-resource-health'
  location: 'global'
  tags: tags
  properties: resourceHealthProperties
}
