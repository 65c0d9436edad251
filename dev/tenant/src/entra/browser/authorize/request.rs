//! An authorization request: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code>.

use std::sync::Arc;

use crate::{
    claims_request::ClaimsRequest,
    directory::{
        Directory,
        app_registration::{AppRegistration, Platform},
        consents::GivenBy,
        person::Person,
        proof_key::CodeChallenge,
    },
    entra::{
        authority::Authority,
        browser::recipient::Recipient,
        error::EntraError,
        parameters::Parameters,
        permission::{NeededConsent, Permission},
        scope::RequestedScopes,
    },
};

/// The parameter `prompt` (OpenID Connect Core 1.0, section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Whatever is needed.
    AsNeeded,
    Login,
    SelectAccount,
    Consent,
    /// Nothing: answer without a page or not at all.
    None,
}

/// A request in which everything is right.
pub(super) struct AuthorizationRequest<'r> {
    pub(super) directory: &'r Directory,
    pub(super) authority: Authority<'r>,
    pub(super) client: Arc<AppRegistration>,
    pub(super) scope: &'r str,
    pub(super) permissions: Vec<Permission<'r>>,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<&'r str>,
    pub(super) domain_hint: Option<&'r str>,
    pub(super) nonce: Option<&'r str>,
    pub(super) claims: ClaimsRequest,
    pub(super) challenge: Option<CodeChallenge>,
    pub(super) wants_client_info: bool,
}

impl<'r> AuthorizationRequest<'r> {
    pub(super) fn read(
        directory: &'r Directory,
        authority: Authority<'r>,
        recipient: &Recipient,
        parameters: &'r Parameters,
    ) -> Result<Self, EntraError> {
        check_response(recipient, parameters)?;
        let scope = parameters.required("scope")?;
        let requested = RequestedScopes::parse(scope);
        requested.expect_resource(parameters.optional("resource"))?;
        Ok(Self {
            directory,
            authority,
            client: Arc::clone(&recipient.client),
            scope,
            permissions: requested.permissions(directory)?,
            prompt: prompt(parameters)?,
            login_hint: parameters.optional("login_hint"),
            domain_hint: parameters.optional("domain_hint"),
            nonce: parameters.optional("nonce"),
            claims: parameters.claims()?,
            challenge: challenge(&recipient.client, parameters)?,
            wants_client_info: parameters.optional("client_info") == Some("1"),
        })
    }

    /// Whether an account of this person can sign in at the authority.
    pub(super) fn admits(&self, person: &Person) -> bool {
        match self.authority {
            Authority::Single(tenant_id) => person.tenant_id == tenant_id,
            Authority::Any => true,
        }
    }

    /// Whether a consent of the person is missing.
    pub(super) fn lacks_consent(&self, person: &Person) -> bool {
        let consents = &self.directory.consents;
        self.consents().iter().any(|it| !consents.covers(&it.client, &it.resource, &it.scope, person))
    }

    /// Records that the person agreed.
    pub(super) fn give_consents(&self, person: &Person) {
        for it in self.consents() {
            let given_by = GivenBy::Person { object_id: person.object_id.clone() };
            self.directory.consents.give(&it.client, &it.resource, &it.scope, given_by);
        }
    }

    fn consents(&self) -> Vec<NeededConsent> {
        self.permissions.iter().flat_map(|permission| permission.consents(self.directory, &self.client)).collect()
    }
}

fn check_response(recipient: &Recipient, parameters: &Parameters) -> Result<(), EntraError> {
    match parameters.required("response_type")? {
        "code" => (),
        "id_token" | "token" | "code id_token" | "id_token token" | "code token" | "code id_token token" => {
            let message = "The application is not registered for the implicit grant. Send the response_type 'code'.";
            return Err(EntraError::new("unsupported_response_type", 700_054, message));
        }
        other => {
            let message = format!("There is no response_type '{other}'. Send 'code'.");
            return Err(EntraError::new("unsupported_response_type", 90023, message));
        }
    }
    match recipient.has_known_response_mode() {
        true => Ok(()),
        false => {
            Err(EntraError::new("invalid_request", 90023, "The response_mode is none of query, fragment, form_post."))
        }
    }
}

fn prompt(parameters: &Parameters) -> Result<Prompt, EntraError> {
    match parameters.optional("prompt") {
        None => Ok(Prompt::AsNeeded),
        Some("login") => Ok(Prompt::Login),
        Some("select_account") => Ok(Prompt::SelectAccount),
        Some("consent") => Ok(Prompt::Consent),
        Some("none") => Ok(Prompt::None),
        Some(other) => {
            let message = format!("There is no prompt '{other}': it is one of login, select_account, consent, none.");
            Err(EntraError::new("invalid_request", 90023, message))
        }
    }
}

fn challenge(client: &AppRegistration, parameters: &Parameters) -> Result<Option<CodeChallenge>, EntraError> {
    let method = parameters.optional("code_challenge_method");
    let Some(challenge) = parameters.optional("code_challenge") else {
        return match (client.platform(), method) {
            (Platform::Web, None) => Ok(None),
            (Platform::Web, Some(_)) => Err(EntraError::missing_parameter("code_challenge")),
            (Platform::SinglePage, _) => Err(proof_key_needed()),
        };
    };
    match CodeChallenge::parse(challenge, method) {
        Some(CodeChallenge::Plain(_)) if client.platform() == Platform::SinglePage => Err(proof_key_needed()),
        Some(challenge) => Ok(Some(challenge)),
        None => {
            let message = "The code_challenge is 43 to 128 unreserved characters, its method S256 or plain.";
            Err(EntraError::new("invalid_request", 501_491, message))
        }
    }
}

fn proof_key_needed() -> EntraError {
    let message =
        "Codes can only be redeemed across origins with a proof key: send a code_challenge of the method S256.";
    EntraError::new("invalid_request", 9_002_325, message)
}
