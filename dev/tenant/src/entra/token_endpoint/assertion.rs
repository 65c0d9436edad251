//! The user's token that an API exchanges, and Entra's checks of it.

use std::sync::Arc;

use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        person::Person,
        well_known::{MICROSOFT_ACCOUNT_TENANT, v1_issuer},
    },
    entra::{authority::Authority, error::EntraError},
    jwt::{Object, UnverifiedJwt},
    time,
};

/// An assertion that was verified.
pub(super) struct Assertion {
    pub(super) person: Arc<Person>,
    claims: Object,
}

impl Assertion {
    /// Verifies that `token` is a live access token of a person for `client`.
    pub(super) fn verify(
        directory: &Directory,
        authority: &Authority<'_>,
        client: &AppRegistration,
        token: &str,
    ) -> Result<Self, EntraError> {
        let jwt = UnverifiedJwt::parse(token)
            .ok_or_else(|| EntraError::new("invalid_request", 50027, "The assertion is not a JSON Web Token."))?;
        let tenant_id = verify_signature(directory, &jwt)?;
        verify_life(&jwt)?;
        verify_audience(client, &jwt)?;
        verify_kind(client, &jwt)?;
        let person = find_person(directory, authority, tenant_id, &jwt)?;
        Ok(Self { person, claims: jwt.unverified_claims })
    }

    /// A claim that is a string; empty where it is not.
    pub(super) fn claim(&self, name: &str) -> &str {
        self.claims.get(name).and_then(|value| value.as_str()).unwrap_or_default()
    }

    /// The session in which it was issued; the token's own id if it was not issued in a sign-in.
    pub(super) fn session(&self) -> &str {
        match self.claim("sid") {
            "" => self.claim("uti"),
            session => session,
        }
    }

    /// Whether the token was issued after the person met the policy's challenge.
    pub(super) fn meets_policy(&self, policy_id: &str) -> bool {
        let policies = self.claims.get("capolids").and_then(|value| value.as_array());
        policies.is_some_and(|policies| policies.iter().any(|policy| policy == policy_id))
    }
}

/// Verifies the signature and that the issuer is the one of the token's own directory, which is returned.
fn verify_signature<'d>(directory: &'d Directory, jwt: &UnverifiedJwt<'_>) -> Result<&'d str, EntraError> {
    let refuse = |reason: &str| {
        let key_id = jwt.header("kid").unwrap_or("none");
        let message =
            format!("The signature of the assertion is not valid. [Reason: {reason}; key of the client: '{key_id}'.]");
        EntraError::new("invalid_grant", 50013, message)
    };
    let key_id = jwt.header("kid").unwrap_or_default();
    let is_personal = jwt.claim("tid") == Some(MICROSOFT_ACCOUNT_TENANT);
    let of_accounts = || Some(Arc::clone(&directory.keys.microsoft_account)).filter(|key| key.key_id() == key_id);
    let key = if is_personal { of_accounts() } else { directory.keys.find(key_id) };
    let key = key.ok_or_else(|| refuse("the key was not found"))?;
    if jwt.header("alg") != Some("RS256") || !key.verifies_rs256(jwt.signing_input.as_bytes(), &jwt.signature) {
        return Err(refuse("the key was found, but does not verify the signature"));
    }
    let tenant_id = jwt.claim("tid").and_then(|tid| directory.tenant_id_of(tid)).filter(|tenant_id| {
        let issuer = jwt.claim("iss");
        issuer == Some(&directory.v2_issuer(tenant_id)) || issuer == Some(&v1_issuer(tenant_id))
    });
    tenant_id.ok_or_else(|| refuse("the issuer is not a directory of this cloud"))
}

fn verify_life(jwt: &UnverifiedJwt<'_>) -> Result<(), EntraError> {
    let now = time::now();
    let started = jwt.moment("nbf").is_some_and(|start| start <= now);
    let lives = jwt.moment("exp").is_some_and(|end| end > now);
    match started && lives {
        true => Ok(()),
        false => Err(EntraError::new(
            "invalid_grant",
            500_133,
            "The assertion is not within its time of validity. Get a new access token and use that.",
        )),
    }
}

fn verify_audience(client: &AppRegistration, jwt: &UnverifiedJwt<'_>) -> Result<(), EntraError> {
    let audience = jwt.claim("aud").unwrap_or_default();
    match audience.strip_suffix('/').unwrap_or(audience) {
        own if client.is_called(own) => Ok(()),
        _ => Err(EntraError::new(
            "invalid_grant",
            500_131,
            format!(
                "The audience of the assertion is '{audience}', but the application that presents it is '{}' ({}).",
                client.client_id,
                client.display_name()
            ),
        )),
    }
}

/// On-behalf-of is for people: neither id tokens nor tokens of daemons can be exchanged.
fn verify_kind(client: &AppRegistration, jwt: &UnverifiedJwt<'_>) -> Result<(), EntraError> {
    if jwt.claim("azp").or_else(|| jwt.claim("appid")).is_none() {
        return Err(EntraError::new(
            "invalid_grant",
            240_002,
            "An id token cannot be exchanged: send an access token.",
        ));
    }
    if jwt.claim("idtyp") == Some("app") || jwt.claim("scp").is_none() {
        let message = format!("The application '{}' may not act on behalf of an application.", client.client_id);
        return Err(EntraError::new("unauthorized_client", 7_000_114, message));
    }
    Ok(())
}

fn find_person(
    directory: &Directory,
    authority: &Authority<'_>,
    tenant_id: &str,
    jwt: &UnverifiedJwt<'_>,
) -> Result<Arc<Person>, EntraError> {
    if let Authority::Single(asked) = authority
        && *asked != tenant_id
    {
        let message = format!(
            "The account of the assertion does not exist in the tenant '{asked}'. Use its own tenant's endpoint."
        );
        return Err(EntraError::new("invalid_grant", 50020, message));
    }
    let person = jwt.claim("oid").and_then(|object_id| directory.roster.by_object_id(object_id));
    person.filter(|person| person.tenant_id == tenant_id).ok_or_else(|| {
        EntraError::new(
            "invalid_grant",
            50034,
            format!("The account of the assertion is not in the directory '{tenant_id}'."),
        )
    })
}
