// Destination of logs and metrics: a Log Analytics workspace with Application Insights on top, and the recipient of alerts.

import { textsType } from '../types.bicep'

@description('Region of the workspace and of Application Insights.')
param location string = resourceGroup().location

@description('Tags of all resources.')
param tags textsType = {}

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the action group.')
param actionGroupName string

@description('Email address for alerts. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('Retention of logs, in days. Logs do not protect from double signing; the marks in the database do.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 90

@description('Maximum gigabytes of logs per day; -1: no limit. Beyond the limit, nothing is logged and no alert on logs is raised until the next day.')
param dailyQuotaGb int = -1

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionInDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb
    }
    features: {
      // Identities only: no shared key can read or write logs.
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    RetentionInDays: retentionInDays
    // The host sends with its identity (role Monitoring Metrics Publisher), not with the key in the connection string.
    DisableLocalAuth: true
  }
}

@description('Recipients of alerts.')
var emailReceivers = empty(alertEmail) ? [] : [alertReceiver]

@description('The recipient, if alertEmail is not empty.')
var alertReceiver = {
  name: 'operator'
  emailAddress: alertEmail
  useCommonAlertSchema: true
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'signer'
    enabled: true
    emailReceivers: emailReceivers
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Name of the workspace.')
output workspaceName string = workspace.name

@description('Resource id of the Application Insights component.')
output applicationInsightsId string = applicationInsights.id

@description('Connection string for the app setting APPLICATIONINSIGHTS_CONNECTION_STRING. Not a secret: local authentication is off.')
output connectionString string = applicationInsights.properties.ConnectionString

@description('Resource id of the action group.')
output actionGroupId string = actionGroup.id
