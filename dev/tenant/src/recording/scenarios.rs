//! The scenarios. Their requests are those of the component, and those of the host that reads its secret.

use super::{
    http::ScenarioRequest,
    requests::{
        CP1, GRAPH_SCOPE, VAULT_SCOPE, client_credentials, document, exchange, exchange_of, graph, keys, metadata,
        on_behalf_of, secret, token, token_endpoint,
    },
    scenario::{Before, Grade, Scenario},
    target::{Role, TargetTenant},
};
use crate::directory::certificate::unregistered_client_assertion;

/// A scope without consent.
const UNCONSENTED_SCOPE: &str = "https://graph.microsoft.com/Mail.Read";
const UNKNOWN_TENANT: &str = "11111111-2222-3333-4444-555555555555";
const UNKNOWN_CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const NIL_CLIENT: &str = "00000000-0000-0000-0000-000000000000";

/// All of them, in order: those that end a person's session precede those that need it ended.
pub const SCENARIOS: &[Scenario] = &[
    anonymous("instance-discovery", |target, _| {
        let authority = format!("{}/{}/oauth2/v2.0/authorize", target.authority_url, target.tenant_id);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("api-version", "1.1")
            .append_pair("authorization_endpoint", &authority)
            .finish();
        Ok(document(format!("{}/common/discovery/instance?{query}", target.authority_url)))
    }),
    anonymous("metadata-tenant-v2", |target, _| Ok(metadata(target, &target.tenant_id, "/v2.0"))),
    anonymous("metadata-tenant-v1", |target, _| Ok(metadata(target, &target.tenant_id, ""))),
    anonymous("metadata-common-v2", |target, _| Ok(metadata(target, "common", "/v2.0"))),
    anonymous("metadata-common-v1", |target, _| Ok(metadata(target, "common", ""))),
    anonymous("metadata-unknown-tenant", |target, _| Ok(metadata(target, UNKNOWN_TENANT, "/v2.0"))),
    anonymous("keys-tenant-v2", |target, _| Ok(keys(target, &target.tenant_id, "/v2.0"))),
    anonymous("keys-common-v2", |target, _| Ok(keys(target, "common", "/v2.0"))),
    anonymous("keys-common-v1", |target, _| Ok(keys(target, "common", ""))),
    anonymous("token-unknown-client", |target, _| {
        Ok(token(target, client_credentials(UNKNOWN_CLIENT, "none", VAULT_SCOPE)))
    }),
    anonymous("token-nil-client", |target, _| Ok(token(target, client_credentials(NIL_CLIENT, "none", VAULT_SCOPE)))),
    anonymous("token-unsupported-grant", |target, _| {
        let form = vec![("grant_type", "no_such_grant".to_owned()), ("client_id", UNKNOWN_CLIENT.to_owned())];
        Ok(token(target, form))
    }),
    anonymous("graph-without-token", |target, _| Ok(graph(target, "/v1.0/me", "application/json", ""))),
    anonymous("graph-malformed-token", |target, _| Ok(graph(target, "/v1.0/me", "application/json", "malformed"))),
    anonymous("vault-without-token", |target, _| secret(target, "clientsecret", "")),
    registration("token-wrong-secret", Before::Nothing, |target, _| {
        let client_id = &target.known_registration()?.client_id;
        Ok(token(target, client_credentials(client_id, "wrong", VAULT_SCOPE)))
    }),
    registration("token-expired-secret", Before::Nothing, |target, _| {
        let known = target.known_registration()?;
        let expired = known.expired_secret.as_ref().ok_or("an expired secret of the registration")?;
        Ok(token(target, client_credentials(&known.client_id, expired, VAULT_SCOPE)))
    }),
    registration("token-unregistered-certificate", Before::Nothing, |target, _| {
        let client_id = &target.known_registration()?.client_id;
        let audience = token_endpoint(target);
        let assertion = unregistered_client_assertion(client_id, &audience).map_err(|error| error.to_string())?;
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", client_id.clone()),
            ("client_assertion_type", kind.to_owned()),
            ("client_assertion", assertion),
            ("scope", VAULT_SCOPE.to_owned()),
        ];
        Ok(token(target, form))
    }),
    registration("token-unknown-resource", Before::Nothing, |target, _| {
        let (client_id, secret) = target.known_credential()?;
        Ok(token(target, client_credentials(client_id, secret, "api://not-a-registered-resource/.default")))
    }),
    registration("token-app-only", Before::Nothing, |target, _| {
        let (client_id, secret) = target.known_credential()?;
        Ok(token(target, client_credentials(client_id, secret, &format!("{client_id}/.default"))))
    }),
    registration("vault-secret", Before::VaultToken, |target, token| {
        let name = target.known_vault()?.secret.as_ref().ok_or("the name of a secret in the vault")?;
        secret(target, name, token)
    }),
    registration("vault-certificate", Before::VaultToken, |target, token| {
        let name = target.known_vault()?.certificate.as_ref().ok_or("the name of a certificate in the vault")?;
        secret(target, name, token)
    }),
    registration("vault-disabled-secret", Before::VaultToken, |target, token| {
        let name = target.known_vault()?.disabled.as_ref().ok_or("the name of a disabled secret in the vault")?;
        secret(target, name, token)
    }),
    registration("vault-missing-secret", Before::VaultToken, |target, token| {
        secret(target, "there-is-no-such-secret", token)
    }),
    people("exchange", Before::Nothing, |target, _| on_behalf_of(target, Role::Ordinary, GRAPH_SCOPE, None)),
    people("exchange-cp1", Before::Nothing, |target, _| exchange(target, Role::Ordinary)),
    people("exchange-offline-access", Before::Nothing, |target, _| {
        on_behalf_of(target, Role::Ordinary, &format!("{GRAPH_SCOPE} offline_access"), None)
    }),
    people("exchange-without-consent", Before::Nothing, |target, _| {
        on_behalf_of(target, Role::Ordinary, UNCONSENTED_SCOPE, Some(CP1))
    }),
    people("exchange-wrong-audience", Before::Exchange(Role::Ordinary), |target, token| {
        // A Graph token: the one that a client that calls the wrong API sends.
        let person = target.person(Role::Ordinary)?;
        exchange_of(target, person, token, GRAPH_SCOPE, Some(CP1))
    }),
    people("exchange-expired-assertion", Before::Nothing, |target, _| exchange(target, Role::Expired)),
    people("exchange-personal-account", Before::Nothing, |target, _| exchange(target, Role::Personal)),
    people("graph-me", Before::Exchange(Role::Ordinary), |target, token| {
        Ok(graph(target, "/v1.0/me", "application/json", token))
    }),
    people("graph-me-select", Before::Exchange(Role::Ordinary), |target, token| {
        Ok(graph(target, "/v1.0/me?$select=id,displayName", "application/json", token))
    }),
    people("graph-me-unknown-property", Before::Exchange(Role::Ordinary), |target, token| {
        Ok(graph(target, "/v1.0/me?$select=noSuchProperty", "application/json", token))
    }),
    people("graph-photo", Before::Exchange(Role::Ordinary), |target, token| {
        Ok(graph(target, "/v1.0/me/photo/$value", "image/*", token))
    }),
    people("graph-missing-photo", Before::Exchange(Role::WithoutPhoto), |target, token| {
        Ok(graph(target, "/v1.0/me/photo/$value", "image/*", token))
    }),
    disruptive("exchange-blocked", Before::Nothing, |target, _| exchange(target, Role::Blocked)),
    disruptive("exchange-second-factor", Before::Nothing, |target, _| exchange(target, Role::SecondFactor)),
    disruptive("graph-session-revoked", Before::ExchangeThenSignOut(Role::SignedOut), |target, token| {
        Ok(graph(target, "/v1.0/me", "application/json", token))
    }),
    disruptive("exchange-session-revoked", Before::Nothing, |target, _| exchange(target, Role::SignedOut)),
    disruptive("graph-location", Before::Exchange(Role::Elsewhere), |target, token| {
        Ok(graph(target, "/v1.0/me", "application/json", token))
    }),
    Scenario {
        name: "graph-throttled",
        grade: Grade::Chance,
        before: Before::Exchange(Role::Throttled),
        request: |target, token| Ok(graph(target, "/v1.0/me", "application/json", token)),
    },
];

type Make = fn(&TargetTenant, &str) -> Result<ScenarioRequest, String>;

const fn anonymous(name: &'static str, request: Make) -> Scenario {
    Scenario { name, grade: Grade::Anonymous, before: Before::Nothing, request }
}

const fn registration(name: &'static str, before: Before, request: Make) -> Scenario {
    Scenario { name, grade: Grade::TargetApi, before, request }
}

const fn people(name: &'static str, before: Before, request: Make) -> Scenario {
    Scenario { name, grade: Grade::People, before, request }
}

const fn disruptive(name: &'static str, before: Before, request: Make) -> Scenario {
    Scenario { name, grade: Grade::Disruptive, before, request }
}
