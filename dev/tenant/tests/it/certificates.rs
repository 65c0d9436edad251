//! Clients that authenticate by a signed assertion.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use emulated_tenant::{ClientCertificate, Tenant};
use ring::{
    digest,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use serde_json::{Value, json};
use x509_cert::der::Document;

use crate::client::{Response, exchange_with, start, token, token_url};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[tokio::test]
async fn both_documented_algorithms_and_thumbprints_are_accepted() {
    let tenant = start().await;
    let certificate = registered(&tenant);
    let modern = assertion(&certificate, &RSA_PSS_SHA256, &modern_header(&certificate), &claims(&tenant));
    assert_eq!(exchange(&tenant, &modern).await.status, 200);
    let header =
        json!({"alg": "RS256", "typ": "JWT", "x5t": thumbprint(&certificate, &digest::SHA1_FOR_LEGACY_USE_ONLY)});
    let legacy = assertion(&certificate, &RSA_PKCS1_SHA256, &header, &claims(&tenant));
    assert_eq!(exchange(&tenant, &legacy).await.status, 200);
}

#[tokio::test]
async fn wrong_assertions_are_refused() {
    let tenant = start().await;
    let certificate = registered(&tenant);
    let now = claims(&tenant)["iat"].as_i64().unwrap();
    for (claim, value, code) in [
        ("aud", json!("https://login.example/token"), 700_023),
        ("aud", json!(format!("{}/{}/oauth2/v2.0/token", tenant.authority_url(), tenant.other_tenant_id())), 700_023),
        ("iss", json!("somebody"), 700_021),
        ("sub", json!("somebody"), 700_021),
        ("exp", json!(now - 1), 700_024),
        ("exp", Value::Null, 700_024),
        ("nbf", json!(now + 3600), 700_024),
        ("jti", Value::Null, 50027),
    ] {
        let mut claims = claims(&tenant);
        claims[claim] = value;
        let assertion = assertion(&certificate, &RSA_PSS_SHA256, &modern_header(&certificate), &claims);
        println!("{claim}");
        exchange(&tenant, &assertion).await.expect_failure(401, "invalid_client", code);
    }
}

#[tokio::test]
async fn wrong_keys_and_signatures_are_refused() {
    let tenant = start().await;
    let certificate = registered(&tenant);
    let stranger = ClientCertificate::generate().unwrap();
    let claims = claims(&tenant);
    let unknown = assertion(&stranger, &RSA_PSS_SHA256, &modern_header(&stranger), &claims);
    exchange(&tenant, &unknown).await.expect_failure(401, "invalid_client", 700_027);
    let forged = assertion(&stranger, &RSA_PSS_SHA256, &modern_header(&certificate), &claims);
    exchange(&tenant, &forged).await.expect_failure(401, "invalid_client", 700_027);
    let mismatched = assertion(&certificate, &RSA_PKCS1_SHA256, &modern_header(&certificate), &claims);
    exchange(&tenant, &mismatched).await.expect_failure(401, "invalid_client", 700_027);
    exchange(&tenant, "x").await.expect_failure(401, "invalid_client", 50027);

    let right = assertion(&certificate, &RSA_PSS_SHA256, &modern_header(&certificate), &claims);
    tenant.revoke_certificates();
    exchange(&tenant, &right).await.expect_failure(401, "invalid_client", 7_000_214);
}

#[test]
fn a_bundle_holds_key_and_certificate() {
    let bundle = ClientCertificate::generate().unwrap().bundle_pem;
    assert!(bundle.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(bundle.ends_with("-----END CERTIFICATE-----\n"));
}

fn registered(tenant: &Tenant) -> ClientCertificate {
    let certificate = ClientCertificate::generate().unwrap();
    tenant.register_certificate(&certificate.bundle_pem).unwrap();
    certificate
}

async fn exchange(tenant: &Tenant, assertion: &str) -> Response {
    let ada = token(tenant, "ada", |_| ());
    let changed = [("client_secret", ""), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
    exchange_with(tenant, &ada, &changed).await
}

fn claims(tenant: &Tenant) -> Value {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    json!({
        "aud": token_url(tenant),
        "iss": tenant.client_id(),
        "sub": tenant.client_id(),
        "jti": "1",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
    })
}

fn modern_header(certificate: &ClientCertificate) -> Value {
    json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint(certificate, &digest::SHA256)})
}

fn thumbprint(certificate: &ClientCertificate, algorithm: &'static digest::Algorithm) -> String {
    let (_, der) = Document::from_pem(&certificate.certificate_pem).unwrap();
    URL_SAFE_NO_PAD.encode(digest::digest(algorithm, der.as_bytes()))
}

fn assertion(
    certificate: &ClientCertificate,
    encoding: &'static dyn RsaEncoding,
    header: &Value,
    claims: &Value,
) -> String {
    let private_key = certificate.bundle_pem.split_inclusive("-----END PRIVATE KEY-----\n").next().unwrap();
    let (_, private_key) = Document::from_pem(private_key).unwrap();
    let key = RsaKeyPair::from_pkcs8(private_key.as_bytes()).unwrap();
    let input =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
