//! What Entra publishes: metadata and keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Uri;
use serde_json::Value;

use super::input::{AUTHORITY, CLIENT, TENANT, json};
use crate::{
    caller::unverified_token::TokenVersion,
    keys::{
        openid_configuration::{IssuerTemplate, OpenIdConfiguration},
        signing_keys::SigningKeys,
    },
};

/// A metadata document.
pub(super) fn openid_configuration(data: &[u8]) {
    let Ok(configuration) = OpenIdConfiguration::parse(data, AUTHORITY) else { return };
    let Some(document) = json(data) else { return };
    assert_eq!(document["issuer"], configuration.issuer.as_str());
    assert_eq!(document["jwks_uri"], configuration.keys_address.as_str());
    // Whatever reads the address, it leads to the authority.
    if let Ok(uri) = configuration.keys_address.parse::<Uri>() {
        assert_eq!(
            (uri.scheme_str(), uri.authority().map(|host| host.as_str())),
            (Some("https"), Some("login.example"))
        );
    }
    let issuer = configuration.issuer.for_tenant(TENANT);
    assert_eq!(configuration.issuer.admits(&issuer, TENANT), configuration.issuer.names(TENANT));
    assert!(!configuration.issuer.admits(&issuer, CLIENT), "{issuer} admits another tenant");
}

/// A key set.
pub(super) fn key_set(data: &[u8]) {
    let of_one = IssuerTemplate::new(format!("{AUTHORITY}/{TENANT}/v2.0"));
    let of_several = IssuerTemplate::new(format!("{AUTHORITY}/{{tenantid}}/v2.0"));
    let Ok(keys) = SigningKeys::parse(data, of_one, TokenVersion::V2) else { return };
    let keys_of_several = SigningKeys::parse(data, of_several, TokenVersion::V2).unwrap();
    let Some(set) = json(data) else { return };
    let published = set["keys"].as_array().unwrap();
    let ids: Vec<&str> = published.iter().filter_map(|key| key["kid"].as_str()).collect();
    let mut usable = 0;
    for id in &ids {
        for key in keys.with_id(id) {
            usable += 1;
            assert!(!key.verifies(&[0; 32], &[1; 256]));
            assert!(published.iter().any(|key| key["kid"] == *id && can_sign(key)), "{id}");
        }
        assert_eq!(keys.contains(id), keys.with_id(id).next().is_some());
        // Where there are several tenants, a key that names no issuer is none.
        let names_issuer = |key: &&Value| key["kid"] == *id && key["issuer"].is_string();
        assert!(!keys_of_several.contains(id) || published.iter().any(|key| names_issuer(&key)), "{id}");
    }
    assert!(usable > 0);
    assert!(!keys.contains("a key that nobody published"));
}

/// What a key must be, by an independent reading.
fn can_sign(key: &Value) -> bool {
    let modulus = key["n"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
    key["kty"] == "RSA"
        && key["d"].is_null()
        && (key["use"].is_null() || key["use"] == "sig")
        && (key["alg"].is_null() || key["alg"] == "RS256")
        && [256, 384, 512].contains(&modulus.len())
        && modulus[0] >= 0x80
        && modulus[modulus.len() - 1] % 2 == 1
        && (key["e"] == "AQAB" || key["e"] == "Aw")
}
