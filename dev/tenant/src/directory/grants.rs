//! Authorization codes and refresh tokens.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use url::Url;

use super::{person::Person, proof_key::CodeChallenge};
use crate::{claims_request::ClaimsRequest, random};

/// Authorization codes live about ten minutes.
const CODE_LIFETIME: i64 = 10 * 60;

/// A person's permission for a client to act on their behalf.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) person: Arc<Person>,
    /// The scopes of the authorization request.
    pub(crate) scope: String,
    /// The claims that the person's sign-in fulfilled.
    pub(crate) claims: ClaimsRequest,
    pub(crate) passed_second_factor: bool,
    /// The id of the browser session, the claim `sid`.
    pub(crate) session_id: String,
}

/// The content of an authorization code.
pub(crate) struct AuthorizationCode {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: Url,
    pub(crate) challenge: Option<CodeChallenge>,
    pub(crate) nonce: Option<String>,
}

/// The content of a refresh token.
#[derive(Clone)]
pub(crate) struct RefreshToken {
    pub(crate) grant: Grant,
    /// Seconds since the Unix epoch.
    pub(crate) expires: i64,
}

/// The codes and refresh tokens issued so far.
#[derive(Default)]
pub(crate) struct Grants(Mutex<State>);

#[derive(Default)]
struct State {
    codes: HashMap<String, IssuedCode>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

struct IssuedCode {
    code: Arc<AuthorizationCode>,
    expires: i64,
    redeemed: bool,
}

/// Why a code cannot be redeemed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadCode {
    Unknown,
    Expired,
    AlreadyRedeemed,
}

impl Grants {
    pub(crate) fn issue_code(&self, code: AuthorizationCode, now: i64) -> String {
        let text = random::opaque_token();
        let issued = IssuedCode { code: Arc::new(code), expires: now + CODE_LIFETIME, redeemed: false };
        self.0.lock().codes.insert(text.clone(), issued);
        text
    }

    /// The content of a code, if it can be redeemed.
    pub(crate) fn code(&self, text: &str, now: i64) -> Result<Arc<AuthorizationCode>, BadCode> {
        match self.0.lock().codes.get(text) {
            None => Err(BadCode::Unknown),
            Some(issued) if issued.redeemed => Err(BadCode::AlreadyRedeemed),
            Some(issued) if issued.expires <= now => Err(BadCode::Expired),
            Some(issued) => Ok(Arc::clone(&issued.code)),
        }
    }

    /// Marks a code as redeemed; `false` when it was already.
    pub(crate) fn redeem(&self, text: &str) -> bool {
        self.0.lock().codes.get_mut(text).is_some_and(|issued| !std::mem::replace(&mut issued.redeemed, true))
    }

    pub(crate) fn issue_refresh_token(&self, token: RefreshToken) -> String {
        let text = random::opaque_token();
        self.0.lock().refresh_tokens.insert(text.clone(), token);
        text
    }

    /// A refresh token. It stays valid when it is used, as Entra's do.
    pub(crate) fn refresh_token(&self, text: &str) -> Option<RefreshToken> {
        self.0.lock().refresh_tokens.get(text).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::people;

    #[test]
    fn a_code_is_redeemed_once_and_within_ten_minutes() {
        let grants = Grants::default();
        let text = grants.issue_code(code(), 1000);
        assert!(grants.code(&text, 1000 + 599).is_ok());
        assert_eq!(grants.code(&text, 1000 + 600).err(), Some(BadCode::Expired));
        assert_eq!(grants.code("other", 1000).err(), Some(BadCode::Unknown));
        assert!(grants.redeem(&text) && !grants.redeem(&text));
        assert_eq!(grants.code(&text, 1001).err(), Some(BadCode::AlreadyRedeemed));
    }

    fn code() -> AuthorizationCode {
        let grant = Grant {
            client_id: String::new(),
            person: Arc::new(people::further_member("tenant", people::DOMAIN)),
            scope: "openid".into(),
            claims: ClaimsRequest::default(),
            passed_second_factor: false,
            session_id: String::new(),
        };
        AuthorizationCode {
            grant,
            redirect_uri: Url::parse("http://localhost/").unwrap(),
            challenge: None,
            nonce: None,
        }
    }
}
