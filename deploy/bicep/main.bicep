// The API's registration, an identity that needs no secret, a key vault and a shared store, in one resource group.
// README.md says what this can do and what it cannot.
targetScope = 'resourceGroup'

extension microsoftGraphV1

@description('The applications get the unique names NAME-api and NAME-app.')
param name string = 'profile-get'

@description('Where the Azure resources are.')
param location string = resourceGroup().location

@description('Where browsers find the sign-in app, without a path.')
param appUrl string

@description('The issuer of the cluster that runs the API (az aks show --query oidcIssuerProfile.issuerUrl). Empty: no cluster.')
param clusterIssuer string = ''

@description('The service account that the pods run as.')
param serviceAccount string = 'system:serviceaccount:default:profile-get'

@description('The object id of the person or group that writes secrets into the vault. Empty: nobody may yet.')
param secretsOfficer string = ''

@description('The size of the store.')
param storeSku string = 'Balanced_B0'

// Microsoft Graph and its delegated permissions, the Azure CLI: the same ids in every directory.
var graph = '00000003-0000-0000-c000-000000000000'
var userRead = 'e1fe6dd8-ba31-4d61-89e7-88639da4683d'
var openid = '37f7f235-527c-4136-accd-4a02d197296e'
var profile = '14dad69e-099b-42c9-810b-d002981feec1'
var azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'
// `cargo dev register` gives the scope the same id.
var scopeId = guid('${name}-api')
var tokenExchange = 'api://AzureADTokenExchange'
// Built-in roles of Azure.
var secretsUserRole = '4633458b-17de-408a-b874-0445c86b69e6'
var secretsOfficerRole = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
var unique = uniqueString(resourceGroup().id, name)

// The API. Its own client id cannot be in its Application ID URI here, because it is known only afterwards.
resource api 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: '${name}-api'
  displayName: '${name} API'
  signInAudience: 'AzureADMyOrg'
  identifierUris: [
    'api://${tenant().tenantId}/${name}'
  ]
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'user_impersonation'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Read the profile of the signed-in person'
        adminConsentDescription: 'Lets the application call the API on behalf of the signed-in person, whose profile the API reads.'
        userConsentDisplayName: 'Read your profile'
        userConsentDescription: 'Lets the application call the API on your behalf; the API reads your profile.'
      }
    ]
    preAuthorizedApplications: [
      {
        appId: azureCli
        delegatedPermissionIds: [
          scopeId
        ]
      }
    ]
  }
  optionalClaims: {
    accessToken: [
      {
        name: 'xms_cc'
      }
      {
        name: 'idtyp'
      }
    ]
  }
  requiredResourceAccess: [
    {
      resourceAppId: graph
      resourceAccess: [
        {
          id: userRead
          type: 'Scope'
        }
      ]
    }
  ]
  web: {
    redirectUris: [
      '${appUrl}/'
    ]
  }

  // client_credential = "managed_identity"
  resource trustInIdentity 'federatedIdentityCredentials@v1.0' = {
    name: '${name}-api/managed-identity'
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identity.properties.principalId
    audiences: [
      tokenExchange
    ]
  }

  // client_credential = "token_file"
  resource trustInCluster 'federatedIdentityCredentials@v1.0' = if (!empty(clusterIssuer)) {
    name: '${name}-api/cluster'
    issuer: clusterIssuer
    subject: serviceAccount
    audiences: [
      tokenExchange
    ]
  }
}

resource apiPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: api.appId
}

// The sign-in app.
resource app 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: '${name}-app'
  displayName: '${name} sign-in app'
  signInAudience: 'AzureADMyOrg'
  requiredResourceAccess: [
    {
      resourceAppId: api.appId
      resourceAccess: [
        {
          id: scopeId
          type: 'Scope'
        }
      ]
    }
    {
      resourceAppId: graph
      resourceAccess: [
        {
          id: openid
          type: 'Scope'
        }
        {
          id: profile
          type: 'Scope'
        }
      ]
    }
  ]
  web: {
    redirectUris: [
      '${appUrl}/signin-callback'
      '${appUrl}/signed-out'
    ]
  }
}

resource appPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: app.appId
}

// The identity that the API runs as.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

// For pods that read the vault.
resource identityInCluster 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = if (!empty(clusterIssuer)) {
  parent: identity
  name: 'cluster'
  properties: {
    issuer: clusterIssuer
    subject: serviceAccount
    audiences: [
      tokenExchange
    ]
  }
}

// The secrets of the sign-in app, and of an API without a federated credential.
resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: 'kv-${unique}'
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    publicNetworkAccess: 'Enabled'
  }
}

resource identityReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, secretsUserRole)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUserRole)
  }
}

resource officerWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(secretsOfficer)) {
  name: guid(vault.id, secretsOfficer, secretsOfficerRole)
  scope: vault
  properties: {
    principalId: secretsOfficer
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficerRole)
  }
}

// Azure Managed Redis. Spin's client does not speak the cluster protocol, which is the default.
resource store 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: 'redis-${unique}'
  location: location
  sku: {
    name: storeSku
  }
  properties: {
    minimumTlsVersion: '1.2'
    highAvailability: 'Enabled'
    publicNetworkAccess: 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: store
  name: 'default'
  properties: {
    port: 10000
    clientProtocol: 'Encrypted'
    clusteringPolicy: 'NoCluster'
    evictionPolicy: 'AllKeysLRU'
    // Spin takes an address with a key, and no token.
    accessKeysAuthentication: 'Enabled'
  }
}

// For runtime-config.toml.
output tenantId string = tenant().tenantId
output clientId string = api.appId
output applicationIdUri string = 'api://${tenant().tenantId}/${name}'
output identityClientId string = identity.properties.clientId
output vaultUrl string = vault.properties.vaultUri
output storeHost string = '${store.properties.hostName}:${database.properties.port}'
// For app/runtime-config.toml.
output appClientId string = app.appId
