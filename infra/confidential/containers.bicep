// The signer and the sidecar that has its key released, in confidential containers. docs/confidential.md says how the policy of the
// containers is generated from this file; without it, the key is not released to them.
//
// `az confcom acipolicygen` reads the compiled template. It resolves a value that is one parameter and no other expression, and takes an
// empty parameter for one that the host may choose. So each environment variable is a text or one parameter, which is not empty, and no
// parameter has a type of its own, with which resources would be compiled to another form.

@description('Name of the container group.')
param name string = 'signer'

@description('Region.')
param location string = resourceGroup().location

@description('Image of the signer, by its digest: <registry>/azurehsm-signer@sha256:<digest>. It must be readable without credentials.')
@minLength(1)
param image string

@description('Image of the sidecar for secure key release.')
@minLength(1)
param sidecarImage string = 'mcr.microsoft.com/aci/skr:2.12'

@description('Resource identifier of the subnet of the containers.')
@minLength(1)
param subnetId string

@description('Resource identifier of the identity.')
@minLength(1)
param identityId string

@description('Client identifier of the identity.')
@minLength(1)
param clientId string

@description('Object identifier of the identity.')
@minLength(1)
param principalId string

@description('Resource identifier of the role that permits the release of the key.')
@minLength(1)
param releaseRoleId string

@description('Name of the vault.')
@minLength(1)
param vaultName string

@description('Name of the key that is released to the containers.')
@minLength(1)
param releaseKeyName string = 'release'

@description('Address of the vault.')
@minLength(1)
param keyVaultUrl string

@description('Address of the account with the marks and the sealed keys.')
@minLength(1)
param cosmosEndpoint string

@description('Host name of the attestation service, as in the release policy of the key, such as sharedweu.weu.attest.azure.net.')
@minLength(1)
param attestationEndpoint string

@description('Tezos nodes that report the head of the chain, separated by commas.')
@minLength(1)
param nodeUrls string

@description('Public keys, separated by commas, one of which must sign every request: nothing else protects the port.')
@minLength(1)
param authorizedKeys string

@description('What each key may sign, as JSON in the form of docs/policy.schema.json.')
@minLength(1)
param policy string = '{}'

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource releaseKey 'Microsoft.KeyVault/vaults/keys@2026-02-01' existing = {
  parent: vault
  name: releaseKeyName
}

resource signerReleases 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: releaseKey
  name: guid(releaseKey.id, principalId, releaseRoleId)
  properties: {
    roleDefinitionId: releaseRoleId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource group 'Microsoft.ContainerInstance/containerGroups@2026-07-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    sku: 'Confidential'
    confidentialComputeProperties: {
      // Inserted into the compiled template. While it is empty, anything may run in the group, and no key is released to it.
      ccePolicy: ''
    }
    osType: 'Linux'
    restartPolicy: 'Always'
    subnetIds: [
      {
        id: subnetId
      }
    ]
    // The port of the sidecar is not here: it has no authentication.
    ipAddress: {
      type: 'Private'
      ports: [
        {
          protocol: 'TCP'
          port: 6732
        }
      ]
    }
    containers: [
      {
        name: 'signer'
        properties: {
          image: image
          ports: [
            {
              protocol: 'TCP'
              port: 6732
            }
          ]
          environmentVariables: [
            {
              name: 'SIGNER_LISTEN'
              value: '0.0.0.0:6732'
            }
            {
              name: 'KEY_VAULT_URL'
              value: keyVaultUrl
            }
            {
              name: 'COSMOS_ENDPOINT'
              value: cosmosEndpoint
            }
            {
              name: 'COSMOS_DATABASE'
              value: 'signer'
            }
            {
              name: 'COSMOS_CONTAINER'
              value: 'marks'
            }
            {
              name: 'SEALED_KEYS_CONTAINER'
              value: 'keys'
            }
            {
              name: 'SECURE_KEY_RELEASE_URL'
              value: 'http://localhost:8080'
            }
            {
              name: 'ATTESTATION_ENDPOINT'
              value: attestationEndpoint
            }
            {
              name: 'AZURE_CLIENT_ID'
              value: clientId
            }
            {
              name: 'COSMOS_DISABLE_IMDS'
              value: '1'
            }
            {
              name: 'NODE_URLS'
              value: nodeUrls
            }
            {
              name: 'AUTHORIZED_KEYS'
              value: authorizedKeys
            }
            {
              name: 'POLICY'
              value: policy
            }
            {
              name: 'RUST_LOG'
              value: 'info'
            }
            {
              name: 'LOG_FORMAT'
              value: 'json'
            }
          ]
          // Whether it answers at all. An outage of Azure is no reason for a restart.
          livenessProbe: {
            httpGet: {
              path: '/authorized_keys'
              port: 6732
              scheme: 'http'
            }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          }
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 1
            }
          }
        }
      }
      {
        name: 'secure-key-release'
        properties: {
          image: sidecarImage
          command: [
            '/skr.sh'
          ]
          resources: {
            requests: {
              cpu: 1
              memoryInGB: 1
            }
          }
        }
      }
    ]
  }
  // A signer that started earlier would be refused the key, and try again later.
  dependsOn: [
    signerReleases
  ]
}

@description('Address of the signer in the virtual network.')
output SIGNER_URL string = 'http://${group.properties.ipAddress.ip}:6732'
