//! The requests of the component, and those of the host that reads its secret.

use super::{
    http::ScenarioRequest,
    target::{Role, TargetTenant},
};
use crate::{endpoint::Service, random};

/// The scope that the API requests.
pub(super) const GRAPH_SCOPE: &str = "https://graph.microsoft.com/User.Read";
pub(super) const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
/// The client capability that the component declares.
pub(super) const CP1: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

/// The exchange that the component makes for this person.
pub(super) fn exchange(target: &TargetTenant, role: Role) -> Result<ScenarioRequest, String> {
    on_behalf_of(target, role, GRAPH_SCOPE, Some(CP1))
}

/// The token request of the host that reads the vault.
pub(super) fn vault_token(target: &TargetTenant) -> Result<ScenarioRequest, String> {
    let (client_id, secret) = target.known_vault()?.reader.as_ref().ok_or("a client that may read the vault")?;
    Ok(token(target, client_credentials(client_id, secret, VAULT_SCOPE)))
}

pub(super) fn on_behalf_of(
    target: &TargetTenant,
    role: Role,
    scope: &str,
    claims: Option<&str>,
) -> Result<ScenarioRequest, String> {
    let person = target.person(role)?;
    exchange_of(target, person, person, scope, claims)
}

/// The exchange of `assertion` in the name of the person whose token `person` is.
pub(super) fn exchange_of(
    target: &TargetTenant,
    person: &str,
    assertion: &str,
    scope: &str,
    claims: Option<&str>,
) -> Result<ScenarioRequest, String> {
    let (client_id, secret) = target.known_credential()?;
    let claim = |name| {
        TargetTenant::unverified_claim(person, name).ok_or_else(|| format!("the claim `{name}` in a person's token"))
    };
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
    let mut request = token(target, form);
    request.url = format!("{}/{tenant_id}/oauth2/v2.0/token", target.authority_url);
    request.headers.push(("x-anchormailbox", format!("oid:{object_id}@{tenant_id}")));
    Ok(request)
}

pub(super) fn client_credentials(client_id: &str, secret: &str, scope: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_owned()),
        ("client_secret", secret.to_owned()),
        ("scope", scope.to_owned()),
    ]
}

pub(super) fn token_endpoint(target: &TargetTenant) -> String {
    format!("{}/{}/oauth2/v2.0/token", target.authority_url, target.tenant_id)
}

pub(super) fn token(target: &TargetTenant, form: Vec<(&'static str, String)>) -> ScenarioRequest {
    let mut headers = vec![
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ("return-client-request-id", "true".to_owned()),
    ];
    headers.extend(common_headers("application/json"));
    ScenarioRequest { service: Service::Entra, url: token_endpoint(target), headers, form: Some(form) }
}

pub(super) fn metadata(target: &TargetTenant, directory: &str, version: &str) -> ScenarioRequest {
    document(format!("{}/{directory}{version}/.well-known/openid-configuration", target.authority_url))
}

pub(super) fn keys(target: &TargetTenant, directory: &str, version: &str) -> ScenarioRequest {
    document(format!("{}/{directory}/discovery{version}/keys", target.authority_url))
}

pub(super) fn document(url: String) -> ScenarioRequest {
    ScenarioRequest { service: Service::Entra, url, headers: common_headers("application/json"), form: None }
}

/// A request to Graph; without an `Authorization` header where the token is empty.
pub(super) fn graph(target: &TargetTenant, path: &str, accept: &'static str, token: &str) -> ScenarioRequest {
    let mut headers = common_headers(accept);
    headers.extend(authorization(token));
    ScenarioRequest { service: Service::Graph, url: format!("{}{path}", target.graph_url), headers, form: None }
}

/// A request for a secret, like that of the Azure SDK in Spin.
pub(super) fn secret(target: &TargetTenant, name: &str, token: &str) -> Result<ScenarioRequest, String> {
    let url = format!("{}/secrets/{name}/?api-version=7.0", target.known_vault()?.url);
    let headers = [("accept", "*/*".to_owned())].into_iter().chain(authorization(token)).collect();
    Ok(ScenarioRequest { service: Service::KeyVault, url, headers, form: None })
}

pub(super) fn authorization(token: &str) -> Option<(&'static str, String)> {
    (!token.is_empty()).then(|| ("authorization", format!("Bearer {token}")))
}

/// The headers of every request of the component.
pub(super) fn common_headers(accept: &'static str) -> Vec<(&'static str, String)> {
    let trace = random::version();
    let span = trace.get(..16).unwrap_or_default();
    vec![
        ("accept", accept.to_owned()),
        ("accept-encoding", "identity".to_owned()),
        ("client-request-id", random::guid()),
        ("traceparent", format!("00-{trace}-{span}-00")),
    ]
}
