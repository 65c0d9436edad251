//! The on-behalf-of grant: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    assertion::Assertion, client_authentication::authenticate, exchange_rules, refresh_token, request::TokenRequest,
};
use crate::{
    claims_request::ClaimsRequest,
    directory::{
        app_registration::AppRegistration,
        grants::{Grant, RefreshToken},
        person::ExchangeRule,
    },
    entra::{
        client_info::client_info,
        error::EntraError,
        permission::is_graph,
        scope::{RequestedScopes, Scope},
    },
    jwt::object,
    time,
    tokens::{
        graph_token::{self, CALLER_LOCATION, LOCATION_CLAIM},
        plan::{LIFETIME, TokenPlan},
    },
};

/// Entra gives 20 to 28 hours to clients that can handle claims challenges; here it is always 24.
const LONG_LIFETIME: i64 = 24 * 3600 - 1;
/// Long enough to outlast a cache's safety margin of five minutes, short enough to be unusual.
const BRIEF_LIFETIME: i64 = 600;

pub(super) fn grant(request: &TokenRequest<'_>) -> Result<Value, EntraError> {
    let directory = request.directory;
    let client = authenticate(request)?;
    if request.form.required("requested_token_use")? != "on_behalf_of" {
        let message = "The only requested_token_use for this grant is on_behalf_of.";
        return Err(EntraError::new("invalid_request", 90023, message));
    }
    let claims = request.form.claims()?;
    let assertion = request.form.required("assertion")?;
    let scope = request.form.required("scope")?;
    let assertion = Assertion::verify(directory, &request.authority, &client, assertion)?;
    let requested = RequestedScopes::parse(scope);
    requested.expect_a_resource()?;
    requested.expect_one_resource()?;
    let scope = Scope::grant(directory, &client, &assertion.person, &requested)?;
    exchange_rules::check(directory, &assertion, &claims)?;
    Ok(tokens(request, &client, &assertion, &scope, &claims, &requested))
}

fn tokens(
    request: &TokenRequest<'_>,
    client: &AppRegistration,
    assertion: &Assertion,
    scope: &Scope,
    claims: &ClaimsRequest,
    requested: &RequestedScopes<'_>,
) -> Value {
    let person = &*assertion.person;
    let (lifetime, refresh_in) = match person.exchange {
        ExchangeRule::GrantedBriefly => (BRIEF_LIFETIME, Some(2)),
        _ if claims.declares_cp1() => (LONG_LIFETIME, None),
        _ => (LIFETIME, None),
    };
    let mut tokens = object(json!({
        "token_type": "Bearer",
        "scope": scope.granted,
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access_token(request, client, assertion, scope, claims, lifetime),
    }));
    if let Some(seconds) = refresh_in {
        tokens.insert("refresh_in".into(), seconds.into());
    }
    if requested.has("offline_access") {
        let grant = Grant {
            client_id: client.client_id.clone(),
            person: Arc::clone(&assertion.person),
            scope: scope.granted.clone(),
            claims: claims.clone().without_capabilities(),
            passed_second_factor: assertion.meets_policy(&request.directory.policy_id),
            session_id: assertion.session().to_owned(),
        };
        let expires = time::now() + refresh_token::lifetime(client);
        let token = RefreshToken { grant, expires };
        tokens.insert("refresh_token".into(), request.directory.grants.issue_refresh_token(token).into());
    }
    if requested.has("openid") {
        let audience = &client.client_id;
        let id_token = TokenPlan::id_token(request.directory, person, audience).sign(request.directory);
        tokens.insert("id_token".into(), id_token.into());
    }
    if request.form.optional("client_info") == Some("1") {
        tokens.insert("client_info".into(), client_info(person).into());
    }
    Value::Object(tokens)
}

fn access_token(
    request: &TokenRequest<'_>,
    client: &AppRegistration,
    assertion: &Assertion,
    scope: &Scope,
    claims: &ClaimsRequest,
    lifetime: i64,
) -> String {
    let directory = request.directory;
    let person = &*assertion.person;
    if !is_graph(&scope.resource) {
        let mut plan = TokenPlan::for_client(directory, &scope.resource, client, person, &scope.permissions);
        claims.fulfil(&mut plan.claims);
        plan.omit_unrequested_claims(&scope.resource);
        plan.lasts(lifetime);
        return plan.sign(directory);
    }
    let serial = directory.sessions.issue();
    let mut token = graph_token::claims(client, person, &scope.permissions, lifetime, serial);
    claims.fulfil(&mut token);
    if assertion.meets_policy(&directory.policy_id) {
        // The second factor also confirmed the location that Graph would ask about.
        token.insert(LOCATION_CLAIM.into(), CALLER_LOCATION.into());
    }
    if person.exchange == ExchangeRule::SignedOutAfterExchange {
        directory.sessions.end_first(&person.object_id, assertion.session(), serial);
    }
    graph_token::sign(directory, &token)
}
