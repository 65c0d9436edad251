// Azure Container Apps: the image of the Dockerfile, and a shared Redis if there is one. The API proves itself to Entra as a
// managed identity, or with a client secret from Key Vault. Identity, vault and Redis are made elsewhere.

@description('Where to run it.')
param location string = resourceGroup().location

@description('The image, such as myregistry.azurecr.io/profile-get:0.1.0.')
param image string

@description('The registry, such as myregistry.azurecr.io, if the identity has to sign in to it (role AcrPull).')
param registry string = ''

@description('Resource id of a user-assigned identity. The app registration trusts it, or it has the role Key Vault Secrets User on the vault.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('URI of the vault secret that holds the client secret or the certificate, without a version. Empty: there is no secret.')
param clientSecretUri string = ''

@description('Directory (tenant) id.')
param tenantId string = tenant().tenantId

@description('The API\'s own application (client) id.')
param clientId string

@description('Other variables of spin.toml, such as { allowed_origins: \'https://contoso.example\' }.')
param variables object = {}

@secure()
@description('URL of the Redis that all replicas share, such as rediss://:KEY@NAME.REGION.redis.azure.net:10000.')
param redisUrl string = ''

var hasRedis = !empty(redisUrl)
var hasSecret = !empty(clientSecretUri)
var credential = hasSecret ? {} : { client_credential: 'managed_identity', identity_client_id: identityClientId }
var settings = union({ tenant_id: tenantId, client_id: clientId }, credential, variables)
// Container Apps gives the endpoint and the header of managed identities to the container when it starts. The rest is the
// image's own entrypoint.
var withIdentity = 'export SPIN_VARIABLE_IDENTITY_HEADER="$IDENTITY_HEADER" SPIN_VARIABLE_IDENTITY_ENDPOINT="\${IDENTITY_ENDPOINT%/msi/token}"; exec "$@"'
var entrypoint = [
  '/usr/local/bin/spin'
  'up'
  '--from'
  '/app'
  '--listen'
  '0.0.0.0:8080'
  '--direct-mounts'
  '--state-dir'
  '/state/spin'
  '--log-dir'
  '/app/logs'
  '--max-instance-reuse-count'
  '100000'
  '--idle-instance-timeout'
  '60s'
]
var health = { path: '/.well-known/spin/health', port: 8080 }

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: 'profile-get'
  location: location
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
  }
}

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: 'profile-get'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    environmentId: environment.id
    configuration: {
      ingress: { external: true, targetPort: 8080, allowInsecure: false }
      registries: empty(registry) ? [] : [{ server: registry, identity: identityId }]
      secrets: concat(
        hasSecret ? [{ name: 'clientsecret', keyVaultUrl: clientSecretUri, identity: identityId }] : [],
        hasRedis ? [{ name: 'runtime-config', value: '[key_value_store.default]\ntype = "redis"\nurl = "${redisUrl}"\n' }] : []
      )
    }
    template: {
      scale: {
        minReplicas: 2
        maxReplicas: 10
        rules: [{ name: 'requests', http: { metadata: { concurrentRequests: '50' } } }]
      }
      containers: [
        {
          name: 'profile-get'
          image: image
          command: hasSecret ? entrypoint : concat(['/bin/sh', '-c', withIdentity, 'sh'], entrypoint)
          resources: { cpu: json('0.5'), memory: '1Gi' }
          env: concat(
            map(items(settings), setting => { name: 'SPIN_VARIABLE_${toUpper(setting.key)}', value: setting.value }),
            hasSecret ? [{ name: 'SPIN_VARIABLE_CLIENTSECRET', secretRef: 'clientsecret' }] : [],
            hasRedis ? [{ name: 'RUNTIME_CONFIG_FILE', value: '/config/runtime-config.toml' }] : []
          )
          probes: [
            { type: 'Startup', httpGet: health, periodSeconds: 1, failureThreshold: 10 }
            { type: 'Readiness', httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 5, timeoutSeconds: 5 }
            { type: 'Liveness', httpGet: health, periodSeconds: 10, timeoutSeconds: 5 }
          ]
          volumeMounts: hasRedis ? [{ volumeName: 'config', mountPath: '/config' }] : []
        }
      ]
      volumes: hasRedis ? [{ name: 'config', storageType: 'Secret', secrets: [{ secretRef: 'runtime-config', path: 'runtime-config.toml' }] }] : []
    }
  }
}

@description('The API\'s address.')
output url string = 'https://${app.properties.configuration.ingress.fqdn}'
