// The tables of a Log Analytics workspace that the queries read, with the documented columns:
// https://learn.microsoft.com/azure/azure-monitor/reference/tables-index

const APPLICATION_INSIGHTS = `
  AppRoleInstance: string, AppRoleName: string, AppVersion: string, ClientBrowser: string, ClientCity: string,
  ClientCountryOrRegion: string, ClientIP: string, ClientModel: string, ClientOS: string, ClientStateOrProvince: string,
  ClientType: string, IKey: string, ItemCount: int, Measurements: dynamic, OperationId: string, OperationName: string,
  ParentId: string, Properties: dynamic, ReferencedItemId: string, ReferencedType: string, ResourceGUID: string,
  SDKVersion: string, SessionId: string, SyntheticSource: string, UserAccountId: string, UserAuthenticatedId: string,
  UserId: string`;

const ALL = `
  TimeGenerated: datetime, TenantId: string, SourceSystem: string, Type: string, _BilledSize: real, _IsBillable: string,
  _ResourceId: string, _SubscriptionId: string`;

export const TABLES = {
  AppTraces: `${ALL}, ${APPLICATION_INSIGHTS}, Message: string, SeverityLevel: int`,
  AppRequests: `${ALL}, ${APPLICATION_INSIGHTS}, DurationMs: real, Id: string, Name: string, PerformanceBucket: string,
    ResultCode: string, Source: string, Success: bool, Url: string`,
  AppExceptions: `${ALL}, ${APPLICATION_INSIGHTS}, Assembly: string, Details: dynamic, ExceptionType: string,
    HandledAt: string, InnermostAssembly: string, InnermostMessage: string, InnermostMethod: string, InnermostType: string,
    Message: string, Method: string, OuterAssembly: string, OuterMessage: string, OuterMethod: string, OuterType: string,
    ProblemId: string, SeverityLevel: int`,
  AZKVAuditLogs: `${ALL}, AddressAuthorizationType: string, Algorithm: string, AppliedAssignmentId: string,
    CallerIpAddress: string, CertificateIssuerProperties: dynamic, CertificatePolicyProperties: dynamic,
    CertificateProperties: dynamic, CertificateRequestProperties: dynamic, ClientInfo: string, CorrelationId: string,
    DurationMs: int, EnabledForDeployment: bool, EnabledForDiskEncryption: bool, EnabledForTemplateDeployment: bool,
    EnablePurgeProtection: bool, EnableRbacAuthorization: bool, EnableSoftDelete: bool, HsmPoolResourceId: string,
    HttpStatusCode: int, Id: string, Identity: dynamic, IsAccessPolicyMatch: bool, IsAddressAuthorized: bool,
    IsRbacAuthorized: bool, KeyProperties: dynamic, NetworkAcls: dynamic, Nsp: dynamic, OperationName: string,
    OperationVersion: string, Properties: dynamic, RequestUri: string, ResultDescription: string, ResultSignature: string,
    ResultType: string, SecretProperties: dynamic, Sku: dynamic, SoftDeleteRetentionInDays: int,
    StorageAccountProperties: dynamic, StorageSasDefinitionProperties: dynamic, SubnetId: string, Tlsversion: string,
    TrustedService: string, VaultProperties: dynamic`,
  StorageBlobLogs: `${ALL}, AccessTier: string, AccountName: string, AuthenticationHash: string, AuthenticationType: string,
    AuthorizationDetails: dynamic, CallerIpAddress: string, Category: string, ClientRequestId: string, ConditionsUsed: string,
    ContentLengthHeader: long, CorrelationId: string, DestinationUri: string, DurationMs: real, Etag: string,
    LastModifiedTime: datetime, Location: string, MetricResponseType: string, ObjectKey: string, OperationCount: int,
    OperationName: string, OperationVersion: string, Protocol: string, ReferrerHeader: string, RehydratePriority: string,
    RequestBodySize: long, RequesterAppId: string, RequesterAudience: string, RequesterObjectId: string,
    RequesterTenantId: string, RequesterTokenIssuer: string, RequesterUpn: string, RequestHeaderSize: long, RequestMd5: string,
    ResponseBodySize: long, ResponseHeaderSize: long, ResponseMd5: string, SasExpiryStatus: string, SchemaVersion: string,
    ServerLatencyMs: real, ServiceType: string, SourceAccessTier: string, SourceUri: string, StatusCode: string,
    StatusText: string, TlsVersion: string, Uri: string, UserAgentHeader: string`,
};
