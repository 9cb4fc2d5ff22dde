// App Service authentication: only identities that are named here get through to the app, with a token of Microsoft Entra ID.

import { authenticationType } from '../types.bicep'

@description('Name of the app.')
param appName string

@description('Who may call the app.')
param authentication authenticationType

@description('Client identifier of the app registration.')
var clientId = authentication.?clientId ?? ''

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  //checkov:skip=CKV_AZURE_63: These settings are about authentication alone; the site's are in another module.
  //checkov:skip=CKV_AZURE_65: These settings are about authentication alone; the site's are in another module.
  //checkov:skip=CKV_AZURE_66: These settings are about authentication alone; the site's are in another module.
  //checkov:skip=CKV_AZURE_80: These settings are about authentication alone; the site's are in another module.
  //checkov:skip=CKV_AZURE_88: These settings are about authentication alone; the site's are in another module.
  //checkov:skip=CKV_AZURE_222: These settings are about authentication alone; the site's are in another module.
  //checkov:skip=CKV_AZURE_13: This is what sets it; the rule reads the first version of these settings.
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      // A relay cannot sign in interactively.
      unauthenticatedClientAction: 'Return401'
      excludedPaths: [
        '/health'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            clientId
            'api://${clientId}'
          ]
          defaultAuthorizationPolicy: {
            allowedPrincipals: {
              identities: authentication.?allowedPrincipals ?? []
            }
            allowedApplications: authentication.?allowedApplications ?? []
          }
        }
      }
    }
  }
}
