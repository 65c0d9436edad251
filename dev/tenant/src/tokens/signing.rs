//! Signing a planned token: rightly, or in one of the ways that forgers try.

use aws_lc_rs::hmac;
use serde_json::Value;

use crate::{certificate, directory::Directory, forgery::Forgery, jwt, signing_key::SigningKey, token_plan::TokenPlan};

/// How a token is signed. `header.alg` follows it unless it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// RS256 with the key that Entra signs with at the moment.
    #[default]
    Right,
    /// RS256 with the key that Entra publishes for personal Microsoft accounts, under its own `kid`.
    MicrosoftAccountKey,
    /// RS256 with the key of another cloud that the key set of `common` holds, under its own `kid`.
    OtherCloudKey,
    /// RS256 with a key that was never published, under its own `kid`.
    UnknownKey,
    /// RS256 with a key that was never published, under the `kid` of the right one.
    ForgedKey,
    /// PS256 with the right key.
    Ps256,
    /// HS256, keyed with the right key's public half as PEM: the classic confusion of algorithms.
    Hs256WithPublicKey,
    /// `alg` is `none` and the signature is empty.
    NoneAlgorithm,
    /// RS256 is announced, but the signature is empty.
    Missing,
    /// RS256 with the right key, then one bit of the signature is turned.
    Tampered,
}

impl TokenPlan {
    /// Signs the token as planned.
    pub(crate) fn sign(mut self, directory: &Directory) -> String {
        let keys = &directory.keys;
        let current = keys.current();
        match self.signing {
            Signing::MicrosoftAccountKey => self.rename_key(current.key_id(), keys.microsoft_account.key_id()),
            Signing::OtherCloudKey => self.rename_key(current.key_id(), keys.other_cloud.key_id()),
            Signing::UnknownKey => self.rename_key(current.key_id(), keys.stranger.key_id()),
            _ => (),
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
        if let Some(forger) = self.forger.take() {
            return jwt::token(&input, &forger(&Forgery::new(message, &current)));
        }
        let signature = match self.signing {
            Signing::Right => current.sign_rs256(message),
            Signing::MicrosoftAccountKey => keys.microsoft_account.sign_rs256(message),
            Signing::OtherCloudKey => keys.other_cloud.sign_rs256(message),
            Signing::UnknownKey | Signing::ForgedKey => keys.stranger.sign_rs256(message),
            Signing::Ps256 => current.sign_ps256(message),
            Signing::Hs256WithPublicKey => sign_hs256(&current, message),
            Signing::NoneAlgorithm | Signing::Missing => Vec::new(),
            Signing::Tampered => tamper(current.sign_rs256(message)),
        };
        jwt::token(&input, &signature)
    }

    fn rename_key(&mut self, from: &str, to: &str) {
        for parameter in ["kid", "x5t"] {
            if self.header.get(parameter).and_then(Value::as_str) == Some(from) {
                self.header.insert(parameter.into(), to.into());
            }
        }
    }
}

impl Signing {
    fn algorithm(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Hs256WithPublicKey => "HS256",
            Self::NoneAlgorithm => "none",
            Self::Right
            | Self::MicrosoftAccountKey
            | Self::OtherCloudKey
            | Self::UnknownKey
            | Self::ForgedKey
            | Self::Missing
            | Self::Tampered => "RS256",
        }
    }
}

fn sign_hs256(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let public_key = key.public_key_der().and_then(|der| certificate::pem("PUBLIC KEY", der.as_ref()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.unwrap_or_default().as_bytes());
    hmac::sign(&key, message).as_ref().to_vec()
}

fn tamper(mut signature: Vec<u8>) -> Vec<u8> {
    if let Some(byte) = signature.last_mut() {
        *byte ^= 1;
    }
    signature
}
