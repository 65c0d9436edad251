//! The requests. They are those of the component, and those of the host that reads its secret.

use super::{
    Role, Subject,
    scenario::{Before, Grade, Request, Scenario},
};
use crate::{Service, certificate::unregistered_client_assertion, random};

/// What the API asks Graph for.
const GRAPH_SCOPE: &str = "https://graph.microsoft.com/User.Read";
/// What nobody consented to.
const UNCONSENTED_SCOPE: &str = "https://graph.microsoft.com/Mail.Read";
const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
const UNKNOWN_TENANT: &str = "11111111-2222-3333-4444-555555555555";
const UNKNOWN_CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const NIL_CLIENT: &str = "00000000-0000-0000-0000-000000000000";

/// All of them. Those that end a person's session come before those that need it ended.
pub const SCENARIOS: &[Scenario] = &[
    anonymous("instance-discovery", |subject, _| {
        let authority = format!("{}/{}/oauth2/v2.0/authorize", subject.authority_url, subject.tenant_id);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("api-version", "1.1")
            .append_pair("authorization_endpoint", &authority)
            .finish();
        Ok(document(format!("{}/common/discovery/instance?{query}", subject.authority_url)))
    }),
    anonymous("metadata-tenant-v2", |subject, _| Ok(metadata(subject, &subject.tenant_id, "/v2.0"))),
    anonymous("metadata-tenant-v1", |subject, _| Ok(metadata(subject, &subject.tenant_id, ""))),
    anonymous("metadata-common-v2", |subject, _| Ok(metadata(subject, "common", "/v2.0"))),
    anonymous("metadata-common-v1", |subject, _| Ok(metadata(subject, "common", ""))),
    anonymous("metadata-unknown-tenant", |subject, _| Ok(metadata(subject, UNKNOWN_TENANT, "/v2.0"))),
    anonymous("keys-tenant-v2", |subject, _| Ok(keys(subject, &subject.tenant_id, "/v2.0"))),
    anonymous("keys-common-v2", |subject, _| Ok(keys(subject, "common", "/v2.0"))),
    anonymous("keys-common-v1", |subject, _| Ok(keys(subject, "common", ""))),
    anonymous("token-unknown-client", |subject, _| {
        Ok(token(subject, client_credentials(UNKNOWN_CLIENT, "none", VAULT_SCOPE)))
    }),
    anonymous("token-nil-client", |subject, _| Ok(token(subject, client_credentials(NIL_CLIENT, "none", VAULT_SCOPE)))),
    anonymous("token-unsupported-grant", |subject, _| {
        let form = vec![("grant_type", "no_such_grant".to_owned()), ("client_id", UNKNOWN_CLIENT.to_owned())];
        Ok(token(subject, form))
    }),
    anonymous("graph-without-token", |subject, _| Ok(graph(subject, "/v1.0/me", "application/json", ""))),
    anonymous("graph-malformed-token", |subject, _| Ok(graph(subject, "/v1.0/me", "application/json", "malformed"))),
    anonymous("vault-without-token", |subject, _| secret(subject, "clientsecret", "")),
    registration("token-wrong-secret", Before::Nothing, |subject, _| {
        let client_id = &subject.known_registration()?.client_id;
        Ok(token(subject, client_credentials(client_id, "wrong", VAULT_SCOPE)))
    }),
    registration("token-expired-secret", Before::Nothing, |subject, _| {
        let known = subject.known_registration()?;
        let expired = known.expired_secret.as_ref().ok_or("an expired secret of the registration")?;
        Ok(token(subject, client_credentials(&known.client_id, expired, VAULT_SCOPE)))
    }),
    registration("token-unregistered-certificate", Before::Nothing, |subject, _| {
        let client_id = &subject.known_registration()?.client_id;
        let audience = token_endpoint(subject);
        let assertion = unregistered_client_assertion(client_id, &audience).map_err(|error| error.to_string())?;
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", client_id.clone()),
            ("client_assertion_type", kind.to_owned()),
            ("client_assertion", assertion),
            ("scope", VAULT_SCOPE.to_owned()),
        ];
        Ok(token(subject, form))
    }),
    registration("token-unknown-resource", Before::Nothing, |subject, _| {
        let (client_id, secret) = subject.known_credential()?;
        Ok(token(subject, client_credentials(client_id, secret, "api://not-a-registered-resource/.default")))
    }),
    registration("token-app-only", Before::Nothing, |subject, _| {
        let (client_id, secret) = subject.known_credential()?;
        Ok(token(subject, client_credentials(client_id, secret, &format!("{client_id}/.default"))))
    }),
    registration("vault-secret", Before::VaultToken, |subject, token| {
        let name = subject.known_vault()?.secret.as_ref().ok_or("the name of a secret in the vault")?;
        secret(subject, name, token)
    }),
    registration("vault-certificate", Before::VaultToken, |subject, token| {
        let name = subject.known_vault()?.certificate.as_ref().ok_or("the name of a certificate in the vault")?;
        secret(subject, name, token)
    }),
    registration("vault-disabled-secret", Before::VaultToken, |subject, token| {
        let name = subject.known_vault()?.disabled.as_ref().ok_or("the name of a disabled secret in the vault")?;
        secret(subject, name, token)
    }),
    registration("vault-missing-secret", Before::VaultToken, |subject, token| {
        secret(subject, "there-is-no-such-secret", token)
    }),
    people("exchange", Before::Nothing, |subject, _| on_behalf_of(subject, Role::Ordinary, GRAPH_SCOPE, None)),
    people("exchange-cp1", Before::Nothing, |subject, _| exchange(subject, Role::Ordinary)),
    people("exchange-offline-access", Before::Nothing, |subject, _| {
        on_behalf_of(subject, Role::Ordinary, &format!("{GRAPH_SCOPE} offline_access"), None)
    }),
    people("exchange-without-consent", Before::Nothing, |subject, _| {
        on_behalf_of(subject, Role::Ordinary, UNCONSENTED_SCOPE, Some(CP1))
    }),
    people("exchange-wrong-audience", Before::Exchange(Role::Ordinary), |subject, token| {
        // A Graph token: the one that a client that calls the wrong API sends.
        let person = subject.person(Role::Ordinary)?;
        exchange_of(subject, person, token, GRAPH_SCOPE, Some(CP1))
    }),
    people("exchange-expired-assertion", Before::Nothing, |subject, _| exchange(subject, Role::Expired)),
    people("exchange-personal-account", Before::Nothing, |subject, _| exchange(subject, Role::Personal)),
    people("graph-me", Before::Exchange(Role::Ordinary), |subject, token| {
        Ok(graph(subject, "/v1.0/me", "application/json", token))
    }),
    people("graph-me-select", Before::Exchange(Role::Ordinary), |subject, token| {
        Ok(graph(subject, "/v1.0/me?$select=id,displayName", "application/json", token))
    }),
    people("graph-me-unknown-property", Before::Exchange(Role::Ordinary), |subject, token| {
        Ok(graph(subject, "/v1.0/me?$select=noSuchProperty", "application/json", token))
    }),
    people("graph-photo", Before::Exchange(Role::Ordinary), |subject, token| {
        Ok(graph(subject, "/v1.0/me/photo/$value", "image/*", token))
    }),
    people("graph-missing-photo", Before::Exchange(Role::WithoutPhoto), |subject, token| {
        Ok(graph(subject, "/v1.0/me/photo/$value", "image/*", token))
    }),
    disruptive("exchange-blocked", Before::Nothing, |subject, _| exchange(subject, Role::Blocked)),
    disruptive("exchange-second-factor", Before::Nothing, |subject, _| exchange(subject, Role::SecondFactor)),
    disruptive("graph-session-revoked", Before::ExchangeThenSignOut(Role::SignedOut), |subject, token| {
        Ok(graph(subject, "/v1.0/me", "application/json", token))
    }),
    disruptive("exchange-session-revoked", Before::Nothing, |subject, _| exchange(subject, Role::SignedOut)),
    disruptive("graph-location", Before::Exchange(Role::Elsewhere), |subject, token| {
        Ok(graph(subject, "/v1.0/me", "application/json", token))
    }),
    Scenario {
        name: "graph-throttled",
        grade: Grade::Chance,
        before: Before::Exchange(Role::Throttled),
        request: |subject, token| Ok(graph(subject, "/v1.0/me", "application/json", token)),
    },
];

/// The client capability that the component declares.
const CP1: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

type Make = fn(&Subject, &str) -> Result<Request, String>;

const fn anonymous(name: &'static str, request: Make) -> Scenario {
    Scenario { name, grade: Grade::Anonymous, before: Before::Nothing, request }
}

const fn registration(name: &'static str, before: Before, request: Make) -> Scenario {
    Scenario { name, grade: Grade::Registration, before, request }
}

const fn people(name: &'static str, before: Before, request: Make) -> Scenario {
    Scenario { name, grade: Grade::People, before, request }
}

const fn disruptive(name: &'static str, before: Before, request: Make) -> Scenario {
    Scenario { name, grade: Grade::Disruptive, before, request }
}

/// The exchange that the component makes for this person.
pub(super) fn exchange(subject: &Subject, role: Role) -> Result<Request, String> {
    on_behalf_of(subject, role, GRAPH_SCOPE, Some(CP1))
}

/// The token request of the host that reads the vault.
pub(super) fn vault_token(subject: &Subject) -> Result<Request, String> {
    let (client_id, secret) = subject.known_vault()?.reader.as_ref().ok_or("a client that may read the vault")?;
    Ok(token(subject, client_credentials(client_id, secret, VAULT_SCOPE)))
}

fn on_behalf_of(subject: &Subject, role: Role, scope: &str, claims: Option<&str>) -> Result<Request, String> {
    let person = subject.person(role)?;
    exchange_of(subject, person, person, scope, claims)
}

/// The exchange of `assertion` in the name of the person whose token `person` is.
fn exchange_of(
    subject: &Subject,
    person: &str,
    assertion: &str,
    scope: &str,
    claims: Option<&str>,
) -> Result<Request, String> {
    let (client_id, secret) = subject.known_credential()?;
    let claim =
        |name| Subject::unverified_claim(person, name).ok_or_else(|| format!("the claim `{name}` in a person's token"));
    let (object_id, tenant_id) = (claim("oid")?, claim("tid")?);
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()),
        ("requested_token_use", "on_behalf_of".to_owned()),
        ("client_id", client_id.to_owned()),
        ("scope", scope.to_owned()),
    ];
    form.extend(claims.map(|claims| ("claims", claims.to_owned())));
    form.push(("assertion", assertion.to_owned()));
    form.push(("client_secret", secret.to_owned()));
    // At the person's own directory, as the component does it.
    let mut request = token(subject, form);
    request.url = format!("{}/{tenant_id}/oauth2/v2.0/token", subject.authority_url);
    request.headers.push(("x-anchormailbox", format!("oid:{object_id}@{tenant_id}")));
    Ok(request)
}

fn client_credentials(client_id: &str, secret: &str, scope: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_owned()),
        ("client_secret", secret.to_owned()),
        ("scope", scope.to_owned()),
    ]
}

fn token_endpoint(subject: &Subject) -> String {
    format!("{}/{}/oauth2/v2.0/token", subject.authority_url, subject.tenant_id)
}

fn token(subject: &Subject, form: Vec<(&'static str, String)>) -> Request {
    let mut headers = vec![
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ("return-client-request-id", "true".to_owned()),
    ];
    headers.extend(common_headers("application/json"));
    Request { service: Service::Entra, url: token_endpoint(subject), headers, form: Some(form) }
}

fn metadata(subject: &Subject, directory: &str, version: &str) -> Request {
    document(format!("{}/{directory}{version}/.well-known/openid-configuration", subject.authority_url))
}

fn keys(subject: &Subject, directory: &str, version: &str) -> Request {
    document(format!("{}/{directory}/discovery{version}/keys", subject.authority_url))
}

fn document(url: String) -> Request {
    Request { service: Service::Entra, url, headers: common_headers("application/json"), form: None }
}

/// A request to Graph; without an `Authorization` header where the token is empty.
fn graph(subject: &Subject, path: &str, accept: &'static str, token: &str) -> Request {
    let mut headers = common_headers(accept);
    headers.extend(authorization(token));
    Request { service: Service::Graph, url: format!("{}{path}", subject.graph_url), headers, form: None }
}

/// A request for a secret, as the Azure SDK in Spin makes it.
fn secret(subject: &Subject, name: &str, token: &str) -> Result<Request, String> {
    let url = format!("{}/secrets/{name}/?api-version=7.0", subject.known_vault()?.url);
    let headers = [("accept", "*/*".to_owned())].into_iter().chain(authorization(token)).collect();
    Ok(Request { service: Service::KeyVault, url, headers, form: None })
}

fn authorization(token: &str) -> Option<(&'static str, String)> {
    (!token.is_empty()).then(|| ("authorization", format!("Bearer {token}")))
}

/// What each request of the component carries.
fn common_headers(accept: &'static str) -> Vec<(&'static str, String)> {
    let trace = random::version();
    let span = trace.get(..16).unwrap_or_default();
    vec![
        ("accept", accept.to_owned()),
        ("accept-encoding", "identity".to_owned()),
        ("client-request-id", random::guid()),
        ("traceparent", format!("00-{trace}-{span}-00")),
    ]
}
