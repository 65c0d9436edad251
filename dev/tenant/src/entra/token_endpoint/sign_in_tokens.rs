//! The tokens of a signed-in person, for a code or a refresh token.

use serde_json::{Value, json};

use super::request::TokenRequest;
use crate::{
    directory::{
        app_registration::AppRegistration,
        grants::{Grant, RefreshToken},
    },
    entra::{
        client_info::client_info,
        error::EntraError,
        permission::is_graph,
        scope::{RequestedScopes, Scope},
    },
    jwt::object,
    tokens::{
        graph_token,
        plan::{LIFETIME, TokenPlan},
    },
};

/// Id tokens live for one hour.
const ID_TOKEN_LIFETIME: i64 = 3600;

/// The tokens to be issued.
pub(super) struct SignInTokens<'a> {
    pub(super) request: &'a TokenRequest<'a>,
    pub(super) client: &'a AppRegistration,
    pub(super) grant: Grant,
    pub(super) requested: RequestedScopes<'a>,
    pub(super) nonce: Option<&'a str>,
    /// When a requested refresh token is to expire.
    pub(super) refresh_expires: i64,
}

impl SignInTokens<'_> {
    /// Issues the tokens.
    ///
    /// # Errors
    /// When the scope or a claims challenge needs the person again.
    pub(super) fn issue(mut self) -> Result<Value, EntraError> {
        let Self { request, client, requested, .. } = &self;
        let scope = Scope::grant(request.directory, client, &self.grant.person, requested)?;
        let asked = request.form.claims()?;
        if asked.needs_second_factor() && !self.grant.passed_second_factor {
            let message = "The requested claims require multifactor authentication.";
            let failure = EntraError::new("interaction_required", 50076, message);
            return Err(failure.suberror("basic_action").claims(asked.to_json()));
        }
        self.grant.claims = self.grant.claims.merged(asked);
        let mut tokens = object(json!({
            "token_type": "Bearer",
            "scope": scope.granted,
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": self.access_token(&scope),
        }));
        if self.requested.has("openid") {
            tokens.insert("id_token".into(), self.id_token().into());
        }
        if self.request.form.optional("client_info") == Some("1") {
            tokens.insert("client_info".into(), client_info(&self.grant.person).into());
        }
        if self.requested.has("offline_access") {
            tokens.insert("refresh_token".into(), self.refresh_token().into());
        }
        Ok(Value::Object(tokens))
    }

    fn access_token(&self, scope: &Scope) -> String {
        let Self { request, client, grant, .. } = self;
        let directory = request.directory;
        match is_graph(&scope.resource) {
            false => {
                let mut plan =
                    TokenPlan::for_client(directory, &scope.resource, client, &grant.person, &scope.permissions);
                plan.set("sid", grant.session_id.clone());
                grant.claims.fulfil(&mut plan.claims);
                plan.omit_unrequested_claims(&scope.resource);
                plan.sign(directory)
            }
            true => {
                let serial = directory.sessions.issue();
                let mut claims = graph_token::claims(client, &grant.person, &scope.permissions, LIFETIME, serial);
                grant.claims.fulfil(&mut claims);
                graph_token::sign(directory, &claims)
            }
        }
    }

    /// <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>
    fn id_token(&self) -> String {
        let Self { request, client, grant, requested, .. } = self;
        let person = &grant.person;
        let mut plan = TokenPlan::id_token(request.directory, person, &client.client_id);
        plan.lasts(ID_TOKEN_LIFETIME);
        plan.set("sid", grant.session_id.clone());
        if let Some(nonce) = self.nonce {
            plan.set("nonce", nonce);
        }
        if requested.has("email") {
            plan.set("email", person.user_principal_name.clone());
        }
        if !requested.has("profile") {
            for claim in ["name", "oid", "preferred_username"] {
                plan.remove(claim);
            }
        }
        plan.sign(request.directory)
    }

    fn refresh_token(&self) -> String {
        let mut grant = self.grant.clone();
        grant.claims = grant.claims.without_capabilities();
        let token = RefreshToken { grant, expires: self.refresh_expires };
        self.request.directory.grants.issue_refresh_token(token)
    }
}
