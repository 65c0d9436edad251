//! The ways to sign a token: correctly, or as a forger would.

use ring::hmac;

use crate::directory::{
    certificate,
    signing_key::{KeyRing, SigningKey},
};

/// How a token is signed. `header.alg` follows it unless it was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// RS256 with the key that Entra signs with at the moment.
    #[default]
    Right,
    /// RS256 with the key that Entra publishes for personal Microsoft accounts, under its own `kid`.
    MicrosoftAccountKey,
    /// RS256 with the other cloud's key in the key set of `common`, under its own `kid`.
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
    /// RS256 with the right key, with one bit of the signature changed.
    Tampered,
}

impl Signing {
    /// The `kid` under which it is announced.
    pub(super) fn key_id(self, keys: &KeyRing, current: &SigningKey) -> String {
        let key: &SigningKey = match self {
            Self::MicrosoftAccountKey => &keys.microsoft_account,
            Self::OtherCloudKey => &keys.other_cloud,
            Self::UnknownKey => &keys.stranger,
            _ => current,
        };
        key.key_id().to_owned()
    }

    /// Signs a message.
    pub(super) fn sign(self, keys: &KeyRing, current: &SigningKey, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Right => current.sign_rs256(message),
            Self::MicrosoftAccountKey => keys.microsoft_account.sign_rs256(message),
            Self::OtherCloudKey => keys.other_cloud.sign_rs256(message),
            Self::UnknownKey | Self::ForgedKey => keys.stranger.sign_rs256(message),
            Self::Ps256 => current.sign_ps256(message),
            Self::Hs256WithPublicKey => sign_hs256(current, message),
            Self::NoneAlgorithm | Self::Missing => Vec::new(),
            Self::Tampered => tamper(current.sign_rs256(message)),
        }
    }

    /// The `alg` under which it is announced.
    pub(super) fn algorithm(self) -> &'static str {
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
    let public_key = key.public_key_der().and_then(|der| certificate::pem("PUBLIC KEY", der.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.unwrap_or_default().as_bytes());
    hmac::sign(&key, message).as_ref().to_vec()
}

fn tamper(mut signature: Vec<u8>) -> Vec<u8> {
    if let Some(byte) = signature.last_mut() {
        *byte ^= 1;
    }
    signature
}
