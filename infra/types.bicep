// Types of the templates' parameters. Validation beyond types is in checks.bicep.

@description('A signing key of the vault.')
@export()
@sealed()
type signingKeyType = {
  @description('Name of the key in the vault: letters, digits and -.')
  @minLength(1)
  @maxLength(127)
  name: string

  @description('P-256 for a tz3 address, P-256K for tz2.')
  curve: 'P-256' | 'P-256K'
}

@description('Who may call the app with a token of Microsoft Entra ID. Empty: App Service authentication is off.')
@export()
@sealed()
type authenticationType = {
  @description('Client identifier of the app registration whose tokens are accepted.')
  clientId: string?

  @description('Object identifiers of the identities that may call the app.')
  allowedPrincipals: string[]?

  @description('Client identifiers of the applications that may request tokens for it. Empty: any.')
  allowedApplications: string[]?
}

@description('The settings of the signer that a deployment may choose. All are strings, like environment variables. NODE_URLS, POLICY and AUTHORIZED_KEYS are separate parameters; addresses, identities and what the platform sets follow from the deployment.')
@export()
@sealed()
type signerSettingsType = {
  @description('Names of the keys that may be used, separated by commas. Empty: all keys of the vault.')
  SIGNING_KEYS: string?

  @description('Tag that a key must have to be used, as name=value. Empty: no tag is required.')
  SIGNING_KEY_TAG: string?

  @description('Seconds between two searches of the vault for keys.')
  KEYS_REFRESH_SECONDS: string?

  @description('Milliseconds until a second call to the vault starts while the first is unanswered.')
  VAULT_HEDGE_MS: string?

  @description('Seconds without a call to the vault after which a key is read, which keeps a connection open.')
  VAULT_IDLE_SECONDS: string?

  @description('Milliseconds until a second call to the database starts while the first is unanswered.')
  STORE_HEDGE_MS: string?

  @description('Whether an account that is not strongly consistent is accepted. It is unsafe.')
  ALLOW_WEAK_CONSISTENCY: ('true' | 'false')?

  @description('Whether the app is an observer, which decides and logs, and releases no signature. Its container then has another partition key, which cannot be changed later: use a new deployment.')
  OBSERVE: ('true' | 'false')?

  @description('Whether the blocks of a node are read to log missed votes and blocks with their cause.')
  PARTICIPATION: ('on' | 'off')?

  @description('Levels that a block or vote may be away from the head of the chain.')
  HEAD_THRESHOLD: string?

  @description('Milliseconds between two queries of a node.')
  HEAD_REFRESH_MS: string?

  @description('Milliseconds after which a node\'s head is too old to be used.')
  HEAD_MAX_AGE_MS: string?

  @description('How to treat requests while no node reports the head.')
  WHEN_HEAD_UNKNOWN: ('fail' | 'sign')?

  @description('Levels that a key may jump above its highest mark where no node reports the head.')
  MAX_LEVEL_JUMP: string?

  @description('Whether the blocks of the nodes are compared with what was signed.')
  CHAIN_WITNESS: ('on' | 'off')?

  @description('What to do if the chain has a signature that was not made here, or a denunciation.')
  ON_FOREIGN_SIGNATURE: ('stop' | 'alert')?

  @description('Whether the list of known keys is served.')
  ALLOW_LIST_KNOWN_KEYS: ('true' | 'false')?

  @description('SHA-256 or SHA-1 thumbprints of client certificates, separated by commas: the app then requires one of them. Empty: no certificate is required.')
  CLIENT_CERTIFICATES: string?

  @description('Deadline of a request, in milliseconds.')
  REQUEST_DEADLINE_MS: string?

  @description('Log filter, such as info, or warn,azurehsm_signer=debug.')
  RUST_LOG: string?

  @description('OpenTelemetry collector to which metrics are pushed.')
  OTEL_EXPORTER_OTLP_ENDPOINT: string?

  @description('The same with its full path.')
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: string?

  @description('Headers of each push, such as credentials: a Key Vault reference.')
  OTEL_EXPORTER_OTLP_HEADERS: string?

  @description('Time limit of a push, in milliseconds.')
  OTEL_EXPORTER_OTLP_TIMEOUT: string?

  @description('Whether counters are pushed as totals or as differences.')
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: ('cumulative' | 'delta')?

  @description('Milliseconds between two pushes.')
  OTEL_METRIC_EXPORT_INTERVAL: string?

  @description('otlp pushes a span of each request to the collector.')
  OTEL_TRACES_EXPORTER: ('none' | 'otlp')?

  @description('Full address for traces, in place of the one below the collector.')
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: string?

  @description('Which requests are traced.')
  OTEL_TRACES_SAMPLER: ('always_on' | 'always_off' | 'traceidratio' | 'parentbased_always_on' | 'parentbased_always_off' | 'parentbased_traceidratio')?

  @description('Share of the requests that samplers with a ratio record: a number from 0 to 1.')
  OTEL_TRACES_SAMPLER_ARG: string?

  @description('Milliseconds between two pushes of traces.')
  OTEL_BSP_SCHEDULE_DELAY: string?

  @description('service.name of metrics and traces.')
  OTEL_SERVICE_NAME: string?

  @description('Further attributes of the process that metrics and traces come from, as name=value, separated by commas.')
  OTEL_RESOURCE_ATTRIBUTES: string?

  @description('Proxy for addresses that begin with http://.')
  HTTP_PROXY: string?

  @description('Proxy for addresses that begin with https://.')
  HTTPS_PROXY: string?

  @description('Proxy for all addresses.')
  ALL_PROXY: string?

  @description('Hosts that are reached without a proxy, separated by commas.')
  NO_PROXY: string?
}

@description('What keys may sign: the rules of docs/policy.schema.json. Names and types of values are checked here.')
@sealed()
type policyRulesType = {
  @description('Consensus kinds.')
  kinds: ('block' | 'preattestation' | 'attestation')[]?

  @description('Operation kinds, by their Octez names.')
  operations: string[]?

  @description('Chains of blocks and votes. null lifts the limit of the default, here and in the next three.')
  chains: string[]?

  @description('Addresses that may receive something from an operation.')
  destinations: string[]?

  @description('Mutez that all contents of an operation together may send, stake, burn for storage and bond.')
  @minValue(0)
  max_amount: int?

  @description('Mutez of fees that all contents of an operation together may pay.')
  @minValue(0)
  max_fee: int?

  @description('Whether payloads that begin with 05 are signed.')
  packed_data: bool?

  @description('Whether proofs of possession are created for tz4 keys.')
  proof_of_possession: bool?

  @description('Whether one of authorizedKeys must sign each request. Default: true if authorizedKeys is not empty.')
  require_authentication: bool?
}

@description('Rules by public key hash.')
type policyKeysType = {
  @description('The rules of one key.')
  *: policyRulesType
}

@description('What each key may sign.')
@export()
@sealed()
type policyType = {
  @description('Address of the schema, for editors.')
  '$schema': string?

  @description('Rules for keys that are not under keys, and for what the rules of the others leave out.')
  default: policyRulesType?

  @description('Rules of single keys, by public key hash.')
  keys: policyKeysType?
}

@description('A rule about addresses that may call the app.')
@export()
@sealed()
type accessRuleType = {
  @description('Name of the rule.')
  name: string

  @description('Action for requests from these addresses.')
  action: 'Allow'

  @description('Rules are applied in this order.')
  priority: int

  @description('The addresses, as CIDR.')
  ipAddress: string
}

@description('A virtual network that uses a private DNS zone.')
@export()
@sealed()
type networkLinkType = {
  @description('Name of the link.')
  name: string

  @description('Resource identifier of the network.')
  networkId: string
}

@description('Strings by name: tags, or app settings.')
@export()
type textsType = {
  @description('The string.')
  *: string
}
