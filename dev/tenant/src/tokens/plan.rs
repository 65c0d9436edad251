//! Access tokens for the API: valid by default, to be changed in any way by tests.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use serde_json::{Value, json};

use super::{
    forgery::{Forger, Forgery},
    signing::Signing,
};
use crate::{
    claims_request::ClaimsRequest,
    directory::{
        Directory,
        app_registration::AppRegistration,
        person::Person,
        well_known::{MICROSOFT_ACCOUNT_TENANT, v1_issuer},
    },
    jwt::{self, Object, object},
    random, time,
};

/// Entra gives access tokens 60 to 90 minutes at random; here it is always 75.
pub(crate) const LIFETIME: i64 = 75 * 60 - 1;
/// Entra sets `iat` and `nbf` five minutes back, for clocks that are slow.
const BACKDATED: i64 = 5 * 60;

/// A token before it is signed: valid unless it is changed.
pub struct TokenPlan {
    /// The header. The `kid` follows [`signing`](Self::signing) unless it is changed here.
    pub header: Object,
    /// The claims.
    pub claims: Object,
    /// How it is signed.
    pub signing: Signing,
    /// Makes the signature instead of [`signing`](Self::signing); the header stays unchanged.
    pub forger: Option<Forger>,
    /// Signed as the header in place of [`header`](Self::header), to the byte.
    pub header_text: Option<String>,
    /// Signed as the claims in place of [`claims`](Self::claims), to the byte.
    pub claims_text: Option<String>,
    authority_url: String,
    api_id_uri: String,
    person: Option<Person>,
}

impl TokenPlan {
    /// A v2 token for the API that Entra would issue to `person`'s client now.
    pub(crate) fn for_person(directory: &Directory, person: &Person) -> Self {
        Self::v2(directory, &directory.api, person)
    }

    /// A token for `api` that Entra would issue to `client` now, of the version that the API requests.
    pub(crate) fn for_client(
        directory: &Directory,
        api: &AppRegistration,
        client: &AppRegistration,
        person: &Person,
        scopes: &str,
    ) -> Self {
        let mut plan = Self::v2(directory, api, person);
        plan.set("azp", client.client_id.clone());
        plan.set("azpacr", client.authentication_class());
        plan.set("scp", scopes);
        if api.manifest().api.requested_access_token_version != Some(2) {
            plan.version_1();
        }
        plan
    }

    fn v2(directory: &Directory, api: &AppRegistration, person: &Person) -> Self {
        let mut plan = Self::empty(directory, api);
        plan.person = Some(person.clone());
        plan.claims = object(json!({
            "aud": api.client_id,
            "iss": directory.v2_issuer(&person.tenant_id),
            "azp": directory.spa_client.client_id,
            "azpacr": "0",
            "name": person.display_name,
            "oid": person.object_id,
            "preferred_username": person.user_principal_name,
            "scp": "user_impersonation",
            "sub": pairwise_subject(&api.client_id, &person.object_id),
            "tid": person.tenant_id,
            "ver": "2.0",
        }));
        if person.tenant_id == MICROSOFT_ACCOUNT_TENANT {
            plan.signing = Signing::MicrosoftAccountKey;
        }
        plan.add_technical_claims();
        plan
    }

    /// A v2 token for the API that a daemon gets by client credentials: no user and no scope. Its application has no
    /// roles, and the API does not request the optional claim `idtyp`.
    pub(crate) fn app_only(directory: &Directory, api: &AppRegistration) -> Self {
        let mut plan = Self::empty(directory, api);
        let service_principal_id = random::guid();
        plan.claims = object(json!({
            "aud": api.client_id,
            "iss": directory.v2_issuer(&directory.tenant_id),
            "azp": directory.spa_client.client_id,
            "azpacr": "1",
            "oid": service_principal_id,
            "sub": service_principal_id,
            "tid": directory.tenant_id,
            "ver": "2.0",
            "xms_ftd": random::opaque_token(),
        }));
        plan.add_technical_claims();
        plan
    }

    /// An id token: its audience is the client that signed `person` in, or the API where that is its own client.
    pub(crate) fn id_token(directory: &Directory, person: &Person, audience: &str) -> Self {
        let mut plan = Self::for_person(directory, person);
        for claim in ["azp", "azpacr", "scp"] {
            plan.claims.remove(claim);
        }
        plan.claims.insert("aud".into(), audience.into());
        plan.claims.insert("sub".into(), pairwise_subject(audience, &person.object_id).into());
        plan
    }

    fn empty(directory: &Directory, api: &AppRegistration) -> Self {
        let key = directory.keys.current();
        Self {
            header: object(json!({"typ": "JWT", "alg": "RS256", "kid": key.key_id()})),
            claims: Object::new(),
            signing: Signing::Right,
            forger: None,
            header_text: None,
            claims_text: None,
            authority_url: directory.urls.authority.clone(),
            api_id_uri: api.id_uri(),
            person: None,
        }
    }

    fn add_technical_claims(&mut self) {
        self.claims.insert("aio".into(), random::client_secret().into());
        self.claims.insert("rh".into(), format!("1.{}.", random::token_id()).into());
        self.claims.insert("uti".into(), random::token_id().into());
        self.lasts(LIFETIME);
    }

    /// Signs the token as planned.
    pub(crate) fn sign(mut self, directory: &Directory) -> String {
        let keys = &directory.keys;
        let current = keys.current();
        let key_id = self.signing.key_id(keys, &current);
        for parameter in ["kid", "x5t"] {
            if self.header.get(parameter).and_then(Value::as_str) == Some(current.key_id()) {
                self.header.insert(parameter.into(), key_id.clone().into());
            }
        }
        if self.header.get("alg").and_then(Value::as_str) == Some("RS256") {
            self.header.insert("alg".into(), self.signing.algorithm().into());
        }
        let text =
            |part| directory.variety.as_ref().map_or_else(|| jwt::to_text(part), |variety| variety.token_part(part));
        let header = self.header_text.take().unwrap_or_else(|| text(&self.header));
        let claims = self.claims_text.take().unwrap_or_else(|| text(&self.claims));
        let input = jwt::signing_input(&header, &claims);
        let message = input.as_bytes();
        let signature = match self.forger.take() {
            Some(forger) => forger(&Forgery::new(message, &current)),
            None => self.signing.sign(keys, &current, message),
        };
        jwt::token(&input, &signature)
    }

    /// Sets a claim.
    pub fn set(&mut self, claim: &str, value: impl Into<Value>) {
        self.claims.insert(claim.to_owned(), value.into());
    }

    /// Removes a claim.
    pub fn remove(&mut self, claim: &str) {
        self.claims.remove(claim);
    }

    /// Issued now, with `seconds` to live; with a negative number it expired that long ago.
    pub fn lasts(&mut self, seconds: i64) {
        let now = time::now();
        let issued = (now - BACKDATED).min(now + seconds - BACKDATED);
        self.set("iat", issued);
        self.set("nbf", issued);
        self.set("exp", now + seconds);
    }

    /// Expired an hour ago.
    pub fn expire(&mut self) {
        self.lasts(-3600);
    }

    /// Becomes valid in an hour.
    pub fn start_later(&mut self) {
        self.set("nbf", time::now() + 3600);
    }

    /// Makes it a v1 token: another issuer, other names of claims, the Application ID URI as audience,
    /// `x5t` in the header. Call this before other changes.
    pub fn version_1(&mut self) {
        let tenant_id = self.claims.get("tid").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.set("iss", v1_issuer(&tenant_id));
        self.set("aud", self.api_id_uri.clone());
        self.set("ver", "1.0");
        self.set("appid", self.claims.get("azp").cloned().unwrap_or_default());
        self.set("appidacr", self.claims.get("azpacr").cloned().unwrap_or_default());
        for claim in ["azp", "azpacr", "preferred_username"] {
            self.claims.remove(claim);
        }
        if let Some(person) = self.person.clone() {
            self.set("acr", "1");
            self.set("amr", json!(["pwd"]));
            self.set("given_name", person.property("givenName"));
            self.set("family_name", person.property("surname"));
            self.set("ipaddr", "203.0.113.7");
            self.set("unique_name", person.user_principal_name.clone());
            self.set("upn", person.user_principal_name);
        }
        let key_id = self.header.get("kid").cloned().unwrap_or_default();
        self.header.insert("x5t".into(), key_id);
    }

    /// Removes optional claims that `api` does not request.
    pub(crate) fn omit_unrequested_claims(&mut self, api: &AppRegistration) {
        let manifest = api.manifest();
        if !manifest.requests_claim("xms_cc") {
            self.remove("xms_cc");
        }
        if manifest.requests_claim("idtyp") {
            self.set("idtyp", "user");
        }
    }

    /// Issued by the directory `tenant_id`, in `tid` and `iss`.
    pub fn issued_by(&mut self, tenant_id: &str) {
        let issuer = match self.claims.get("ver").and_then(Value::as_str) {
            Some("1.0") => v1_issuer(tenant_id),
            _ => format!("{}/{tenant_id}/v2.0", self.authority_url),
        };
        self.set("tid", tenant_id);
        self.set("iss", issuer);
    }

    /// Issued after the person met a claims challenge. `claims` is the challenge as JSON.
    ///
    /// # Errors
    /// When `claims` is not a claims request.
    pub fn fulfil(&mut self, claims: &str) -> Result<()> {
        let request = ClaimsRequest::parse(claims)
            .context("the challenge is not a JSON object with an object `access_token`; decode its base64 first")?;
        request.fulfil(&mut self.claims);
        if self.claims.contains_key("amr") {
            self.set("amr", json!(["pwd", "mfa"]));
        }
        Ok(())
    }
}

/// The `sub` of a person for one application: the same each time, and another for each application.
pub(crate) fn pairwise_subject(client_id: &str, object_id: &str) -> String {
    let subject = digest::digest(&digest::SHA256, format!("{client_id}|{object_id}").as_bytes());
    URL_SAFE_NO_PAD.encode(subject)
}
