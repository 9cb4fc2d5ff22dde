// Alerts: on the signer's log, on the metrics of what it depends on, on the way in from outside, and on changes that somebody
// makes in Azure. Each says what it means and what to do first. The queries are the files in ../queries.
//
// Severities: 0 nothing can be signed, or somebody else may sign; 1 votes or blocks are being missed, or may be soon;
// 2 look today; 3 good to know.

import { textsType } from '../types.bicep'

@description('Region of the workspace, where the alerts on logs live.')
param location string = resourceGroup().location

@description('Tags of all alerts.')
param tags textsType = {}

@description('What the names of the alerts begin with.')
param namePrefix string

@description('Resource id of the action group to notify.')
param actionGroupId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of the Application Insights component, which runs the test from outside.')
param applicationInsightsId string

@description('Resource id of the Key Vault.')
param keyVaultId string

@description('Resource id of the Cosmos DB account.')
param cosmosAccountId string

@description('Principal (object) id of the identity that the signer has. Signatures that the vault makes for any other are an alert. Empty: they are not.')
param signerPrincipalId string = ''

@description('Where the deployed package is: /<storage account>/<container>.')
param packagePath string

@description('Address of the function app, https://….')
param appUrl string

@description('Whether the app can be reached from the internet: then it is tested from outside.')
param isPublic bool = false

@description('Whether alerts on logs and metrics are on.')
param enabled bool = true

@description('Whether changes in the resource group raise an alert: roles, vault, database, app. Off while a deployment is being worked on, perhaps.')
param tellChanges bool = true

@description('Minutes without a signature after which a key that signs votes or blocks is missed. 0: never.')
@minValue(0)
@maxValue(1440)
param noSignatureMinutes int = 30

@description('Milliseconds that a vote may take, at the 95th percentile of half an hour.')
@minValue(1)
param latencyMs int = 1000

@description('Refusals of one cause within a quarter of an hour that are no longer normal.')
@minValue(1)
param manyRefusals int = 50

@description('Starts of the program within an hour that are no longer normal: more than the instances that you run.')
@minValue(1)
param manyStarts int = 10

@description('Milliseconds that the database may take on average.')
@minValue(1)
param databaseLatencyMs int = 50

@description('From where the test from outside asks. Two places must fail before it is an alert.')
param testLocations string[] = [
  'emea-nl-ams-azr'
  'emea-gb-db3-azr'
  'us-va-ash-azr'
  'us-tx-sn1-azr'
  'apac-sg-sin-azr'
]

// --- the signer's log -------------------------------------------------------------------------------------------------

@description('The query that makes a row of each line of the log.')
var signerLog = loadTextContent('../queries/signer_log.kql')

// Columns that are split: each value has its own alert.
@description('An alert for each cause.')
var byCause = {
  name: 'Cause'
  operator: 'Include'
  values: ['*']
}

@description('An alert for each caller.')
var byCaller = {
  name: 'Caller'
  operator: 'Include'
  values: ['*']
}

@description('An alert for each key.')
var byKey = {
  name: 'Key'
  operator: 'Include'
  values: ['*']
}

@description('An alert for each kind.')
var byKind = {
  name: 'Kind'
  operator: 'Include'
  values: ['*']
}

@description('An alert for each operation.')
var byOperationName = {
  name: 'OperationName'
  operator: 'Include'
  values: ['*']
}

@description('An alert for each place.')
var byPlace = {
  name: 'Place'
  operator: 'Include'
  values: ['*']
}

@description('An alert for each status.')
var byResultCode = {
  name: 'ResultCode'
  operator: 'Include'
  values: ['*']
}

// Windows are longer than what lies between two evaluations: a line takes some minutes to arrive, and is not to be missed.
// An alert that is up is not raised again by the same lines.
@description('The rules on logs.')
var queryRules = [
  {
    name: 'failed'
    title: 'Requests failed'
    description: 'The signer could not answer requests: a vote or a block was missed, nothing was released. The dimension names the cause. First: read the reasons in the workbook under "Not signed". vault or store: see their health there and the status of Azure; head_unknown: the Tezos node; bound_elsewhere: the key is bound to another mark store; marks_lost: the mark store has lost marks, so stop all signers and follow the guide for a lost database; deadline: latency; wrong_signature or internal: stop, and report it.'
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
    title: 'Errors that the signer did not make'
    description: 'The host answered the baker with an error that is in no line of the signer: the process was not there, did not start in time, or was killed. First: look in the workbook under "Instances" whether the process ends with errors, then restart the app.'
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
    description: 'Two different votes or blocks were requested at one level and round, with one key. The second was refused: nothing was signed twice. With two bakers that happens now and then. First: look whether the nodes of both are healthy, or one lags. With one baker, see who else asks (requester, and the invocations in the workbook): somebody may have the function key.'
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
    title: 'A mark stands in the way'
    description: 'A refusal that does not end by itself: the level is too far above the mark (too_far), or at the mark nothing is signed or the signature is not known or not valid (raised_here, signature_unknown, stored_signature_invalid). First: compare the level in the reason with the head of the chain. Is the level right, raise the mark; is it not, the node of the baker is wrong.'
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
    description: 'More refusals of one cause than usual. below_mark: a second baker is late all the time, or a node fell behind. unauthenticated, unknown_key: somebody has the address and the function key and tries; change the function key. policy, payload: a client asks for what it may not have. First: read the latest requests in the workbook under "Not signed".'
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
    description: 'At the 95th percentile, signatures take longer than they may. Votes that come late are not included. The dimension says where: signer is the time for mark and signature, host is all that the baker waits for. First: see latency in the workbook. Slow signer: vault or database; slow host only: instances that start, so raise the number of instances that are always ready.'
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
    title: 'A key signs no more'
    description: 'A key that signed votes or blocks in the last two days has signed none lately. Also raised when the signer is dead, since it looks at what was signed before; it ends by itself after two days of silence. First: open /health of the app. If it answers 200, look at the baker: does it run, does it reach the app, has the key rights?'
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
    title: 'The process ended with an error'
    description: 'The process of the signer ended with an error, or the host gave up restarting it: three such ends, each within half an hour of the one before, stop the host. First: read what it said at its end in the workbook under "Instances". Wrong settings are all named there at once.'
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
    description: 'The program was started more often within an hour than instances come and go: it is restarted, or the app scales up and down. Requests wait while it starts. First: see in the workbook under "Instances" whether one instance starts again and again, or many start once.'
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
    description: 'A fault in the program: a task that renews tokens, keeps connections warm or follows the chain ended, and was restarted. Signing goes on. First: note the line with its task and the version, restart the app if requests fail, and report it.'
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
    title: 'The database cannot keep marks safely'
    description: 'No block or vote is signed, because the database account is not strongly consistent or has several write regions, or else ALLOW_WEAK_CONSISTENCY is set and marks may be lost. First: read the reason; somebody changed the account or the settings. Put it back; the signer looks again by itself.'
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
    description: 'A key that could sign no longer can, or there are no keys, or the policy names one that is not there. First: look in the vault whether the key or its version is disabled, deleted (it can be recovered) or expired, and whether the role of the signer is still assigned.'
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
    title: 'Lines of the log are missing'
    description: 'The host read the log too slowly, and lines were dropped rather than waited for: the log is not complete. The marks are. First: see whether an instance is short of processor time; a larger instance helps.'
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
    description: 'Somebody made, imported, rotated, updated, backed up, restored or deleted a key in the vault itself. A new version is a new address, which signs nothing until it is registered; a rotation policy makes such versions by itself. First: ask who did it (caller and address in the workbook under "Vault"); if nobody did, remove the lock of the vault and then their roles.'
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
    title: 'Somebody else signs with a key'
    description: 'The vault made a signature for another identity than that of the signer: no mark knows of it, and what it signed may be a second vote. First: was it you (doctor --sign, or a signer on a laptop)? If not, disable the key, or remove the lock of the vault (az lock delete) and then the role of that identity, at once.'
    severity: 0
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    query: replace(loadTextContent('../queries/alerts/signed_by_others.kql'), '{signerPrincipalId}', signerPrincipalId)
    measure: ''
    dimensions: []
    threshold: 0
    enabled: !empty(signerPrincipalId)
  }
  {
    name: 'package-written'
    title: 'The program of the app was replaced'
    description: 'A package was published, or somebody wrote to the container that the app takes its program from. Whoever does that can sign with every key. The dimension is the object id of the caller: the identity of the app if the deployment service wrote it (any plan but Premium), else who uploaded it. First: is it a deployment of yours? If not, disable the keys, then see in the table StorageBlobLogs from which address it came, and deploy the version that you trust.'
    severity: 1
    frequency: 'PT5M'
    window: 'PT30M'
    lookback: ''
    query: replace(loadTextContent('../queries/alerts/package_written.kql'), '{packagePath}', packagePath)
    measure: ''
    dimensions: [byCaller]
    threshold: 0
    enabled: true
  }
]

@description('The rules on logs, as Azure takes them.')
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
    // A workspace learns of a table with its first row: the vault's may come after the alert.
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

// --- metrics of the vault and the database ----------------------------------------------------------------------------

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
    title: 'The vault throttles'
    description: 'The vault turned requests away (429): more than 2,000 signatures in ten seconds, or somebody else uses the vault. The signer tries again until its deadline. First: see in the workbook under "Vault" who asks so much.'
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
    title: 'The vault forbids'
    description: 'The vault answered 403: the role of an identity is missing, the firewall does not know its address, or somebody tries who may not. First: does the signer still sign? If not, look at its role on the vault and at the network rules; if it does, see in the audit log of the vault who was turned away.'
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
    title: 'The vault is not well'
    description: 'Requests to the vault fail on its side. Nothing can be signed while it is down; no signature is lost to safety. First: look at the status of Azure Key Vault in the region. There is nothing to repair here but to wait, or to bake with another key.'
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
    title: 'The vault is nearly full'
    description: 'The vault works near the limit of what it may do in ten seconds, and will throttle. First: see in the workbook under "Vault" who asks so much; give other uses a vault of their own.'
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
  {
    name: 'database-throttled'
    title: 'The database throttles'
    description: 'The database turned requests away (429). A mark that is not written is a signature that is not released. First: raise the request units of the container.'
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
    title: 'The database is not well'
    description: 'Requests to the database fail on its side. Nothing that has a mark is signed while it is down. First: look at the status of Azure Cosmos DB in the region. Before a failover, read what it means for marks in the documentation.'
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
    title: 'The database is nearly full'
    description: 'More than four fifths of the request units of a partition are used within a minute: it will throttle. First: raise the request units of the container.'
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
    description: 'The database takes long on average, and every signature waits for one write. First: see whether the write region is that of the app, and whether a region was added: a strong write waits for two regions.'
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

@description('The rules on metrics, as Azure takes them.')
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
          // Not every account writes every metric from its first minute on.
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

// --- from outside -----------------------------------------------------------------------------------------------------

@description('Name of the test from outside.')
var testName = '${namePrefix}-health'

@description('Tags of the test from outside.')
var testTags = union(tags, { 'hidden-link:${applicationInsightsId}': 'Resource' })

@description('Places of the test from outside, as Azure takes them.')
var testPlaces = [
  for place in testLocations: {
    Id: place
  }
]

// /health says yes or no and needs no key: yes means that there are keys, that levels can be checked, and that the database
// answers.
resource healthTest 'Microsoft.Insights/webtests@2022-06-15' = if (isPublic) {
  name: testName
  location: location
  tags: testTags
  kind: 'standard'
  properties: {
    SyntheticMonitorId: testName
    Name: testName
    Description: 'Asks the signer whether it can sign.'
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

@description('The rule on the test from outside.')
var healthProperties = {
  description: 'Tezos signer: it says that it cannot sign, or does not answer, from two places at least. First: open /health of the app. 503: it runs, and lacks keys, the head of the chain or the database, and its log says which. No answer: see whether the app runs and whether its address is allowed in.'
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

resource healthAlert 'Microsoft.Insights/metricAlerts@2026-01-01' = if (isPublic) {
  name: '${namePrefix}-health'
  location: 'global'
  tags: tags
  properties: healthProperties
}

// --- changes in Azure -------------------------------------------------------------------------------------------------

@description('Changes of who may do what.')
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

@description('Changes of the app, and of where its package is.')
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

// Activity log alerts have no severity and never end: each change is one message, once it succeeded.
@description('The rules on changes.')
var changeRules = [
  {
    name: 'roles'
    description: 'A role in the resource group was assigned, taken away or redefined, or a lock was deleted, or an identity was given to something. Who may sign, or write marks, may have changed. First: is it a deployment of yours? If not, see in the activity log who did it, and take it back.'
    operations: roleChanges
  }
  {
    name: 'vault'
    description: 'The vault or a key in it was changed through Azure Resource Manager: its network, its access, its keys, or where its audit log, or that of the database, goes. First: is it a deployment of yours? If not, see in the activity log who did it. A deleted vault or key can be recovered for 90 days.'
    operations: vaultChanges
  }
  {
    name: 'database'
    description: 'The database account, or the container with the marks, was changed: regions, consistency, failover, keys, or deleted. With strong consistency no acknowledged mark is lost in a failover; with anything less nothing that needs a mark is signed. First: is it you? Look in the activity log what was changed and by whom, and with azurehsm-signer doctor whether the account is still strongly consistent, with one region of writes. If marks were deleted, or an older account was restored, stop the app, and raise the marks above the head of the chain before it goes on.'
    operations: databaseChanges
  }
  {
    name: 'app'
    description: 'The function app, or the storage account that its package is in, was changed, stopped, restarted or deleted: its program, its settings or its network may be others than before. Publishing and uploads do not go through Azure Resource Manager: the alert package-written is for them. First: is it a deployment of yours? If not, see in the activity log who did it, and deploy the version that you trust.'
    operations: appChanges
  }
  {
    name: 'monitoring'
    description: 'An alert was deleted, its recipients were changed, or the logs no longer go anywhere: the next alert may not arrive. Switching off an alert is not reported here. First: is it a deployment of yours? If not, see in the activity log who did it.'
    operations: monitoringChanges
  }
]

@description('The rules on changes, as Azure takes them.')
var changeProperties = [
  for rule in changeRules: {
    description: 'Tezos signer: ${rule.description}'
    enabled: tellChanges
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
  description: 'Tezos signer: Azure says that a resource of the signer is degraded or not available. First: open its page "Resource health", which says since when, why, and what Azure does about it.'
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
