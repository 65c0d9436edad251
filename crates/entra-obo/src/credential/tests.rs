use std::sync::LazyLock;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jwt_simple::prelude::{ECDSAP256KeyPairLike, ES256KeyPair, Ed25519KeyPair};
use pem::Pem;
use rcgen::{
    CertificateParams, Issuer, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey,
};
use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey},
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::client_credential::ClientCredential;
use crate::host::UnixTime;

const NOW: UnixTime = UnixTime(1_800_000_000);
const TOKEN_ENDPOINT: &str = "https://login.example/t/oauth2/v2.0/token";

static KEY: LazyLock<Key> = LazyLock::new(|| rsa_key(2048));
static OTHER_KEY: LazyLock<Key> = LazyLock::new(|| rsa_key(2048));

/// A private key, and what certificates contain of it.
struct Key {
    algorithm: &'static SignatureAlgorithm,
    public: Vec<u8>,
    pkcs8: Vec<u8>,
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for Key {
    /// Zeros: Entra checks who signed a certificate, and nothing here does.
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(vec![0; 256])
    }
}

fn rsa_key(bits: usize) -> Key {
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, bits).unwrap();
    Key {
        algorithm: &PKCS_RSA_SHA256,
        public: key.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec(),
        pkcs8: key.to_pkcs8_der().unwrap().as_bytes().to_vec(),
    }
}

fn p256_key() -> Key {
    let key = ES256KeyPair::generate();
    Key {
        algorithm: &PKCS_ECDSA_P256_SHA256,
        public: key.key_pair().public_key().to_bytes_uncompressed(),
        pkcs8: key.key_pair().to_der().unwrap(),
    }
}

fn ed25519_key() -> Key {
    let key = Ed25519KeyPair::generate();
    Key { algorithm: &PKCS_ED25519, public: key.public_key().to_bytes(), pkcs8: key.to_der() }
}

fn parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.serial_number = Some(SerialNumber::from(1));
    parameters
}

fn certificate(key: &Key) -> Vec<u8> {
    parameters().self_signed(key).unwrap().der().to_vec()
}

/// A certificate of the key, and that of the authority which signed it.
fn chain(key: &Key) -> [Vec<u8>; 2] {
    let authority = p256_key();
    let root = parameters().self_signed(&authority).unwrap();
    let leaf = parameters().signed_by(key, &Issuer::new(parameters(), authority)).unwrap();
    [leaf.der().to_vec(), root.der().to_vec()]
}

fn block(tag: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(tag, der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

fn pkcs1(key: &Key) -> Vec<u8> {
    RsaPrivateKey::from_pkcs8_der(&key.pkcs8).unwrap().to_pkcs1_der().unwrap().as_bytes().to_vec()
}

/// The fields of a token request, and the thumbprint in its assertion if there is one.
fn sent(credential: &ClientCredential) -> (Vec<(String, String)>, Option<String>) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    credential.authenticate(&mut form, TOKEN_ENDPOINT, Uuid::nil(), NOW, [7; 16]).unwrap();
    let fields: Vec<_> = form_urlencoded::parse(form.finish().as_bytes()).into_owned().collect();
    let assertion = fields.iter().find(|(name, _)| name == "client_assertion").map(|(_, value)| {
        let header = URL_SAFE_NO_PAD.decode(value.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["x5t#S256"].as_str().unwrap().to_owned()
    });
    (fields, assertion)
}

#[test]
fn every_form_of_a_certificate_with_its_key_is_used() {
    let key = block("PRIVATE KEY", &KEY.pkcs8);
    let own = certificate(&KEY);
    let [leaf, root] = chain(&KEY);
    let (own_pem, leaf_pem, root_pem) =
        (block("CERTIFICATE", &own), block("CERTIFICATE", &leaf), block("CERTIFICATE", &root));
    let plain = format!("{key}{own_pem}");
    let other_key = block("PRIVATE KEY", &OTHER_KEY.pkcs8);
    let encrypted = block("ENCRYPTED PRIVATE KEY", &KEY.pkcs8);
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bag = |pem: &str| {
        format!("Bag Attributes\n    localKeyID: 01 02\n    friendlyName: \u{fc}ber\nsubject=CN = own\n{pem}")
    };
    for (what, text, certificate) in [
        ("key first", plain.clone(), &own),
        ("certificate first", format!("{own_pem}{key}"), &own),
        ("chain behind", format!("{key}{leaf_pem}{root_pem}"), &leaf),
        ("chain before", format!("{root_pem}{leaf_pem}{key}"), &leaf),
        ("key in the middle", format!("{root_pem}{key}{leaf_pem}"), &leaf),
        ("another key too", format!("{other_key}{own_pem}{key}"), &own),
        ("the key encrypted too", format!("{encrypted}{own_pem}{key}"), &own),
        ("PKCS#1", format!("{}{own_pem}", block("RSA PRIVATE KEY", &pkcs1(&KEY))), &own),
        ("the old label", format!("{key}{}", block("X509 CERTIFICATE", &own)), &own),
        ("attributes", format!("{}{}", bag(&key), bag(&own_pem)), &own),
        ("attributes in the other order", format!("{}{}{}", bag(&root_pem), bag(&leaf_pem), bag(&key)), &leaf),
        ("CRLF", plain.replace('\n', "\r\n"), &own),
        ("CR", plain.replace('\n', "\r"), &own),
        ("empty lines", plain.replace('\n', "\n\n"), &own),
        ("indented", plain.replace('\n', "\n      "), &own),
        ("spaces for line breaks", plain.replace('\n', " "), &own),
        ("no line breaks in the data", plain.replace("-----\n", "-----").replace("\n-----", "-----"), &own),
        ("line breaks written out", plain.replace('\n', "\\n"), &own),
        ("CRLF written out", plain.replace('\n', "\\r\\n"), &own),
        ("in quotation marks", format!("\"{}\"", plain.replace('\n', "\\n")), &own),
        ("as JSON", json!({"value": plain, "contentType": "application/x-pem-file"}).to_string(), &own),
        ("no line break at the end", plain.trim_end().to_owned(), &own),
        ("blank lines around", format!("\n\n  {plain}\n\n"), &own),
        ("byte order mark", format!("\u{feff}{plain}"), &own),
        ("zero-width spaces", plain.replace("-----BEGIN", "\u{200b}-----BEGIN"), &own),
        ("non-breaking spaces", plain.replace(' ', "\u{a0}"), &own),
        ("UTF-16 read as bytes", String::from_utf8(utf16.clone()).unwrap(), &own),
        ("base64", STANDARD.encode(&plain), &own),
        ("base64 of UTF-16", STANDARD.encode(&utf16), &own),
    ] {
        let credential = ClientCredential::parse(text).unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let (fields, thumbprint) = sent(&credential);
        assert_eq!(thumbprint, Some(URL_SAFE_NO_PAD.encode(Sha256::digest(certificate))), "{what}");
        assert!(fields.iter().all(|(name, _)| name != "client_secret"), "{what}");
    }
}

#[test]
fn larger_keys_are_used_as_well() {
    for bits in [3072, 4096] {
        let key = rsa_key(bits);
        let text = block("PRIVATE KEY", &key.pkcs8) + &block("CERTIFICATE", &certificate(&key));
        assert!(sent(&ClientCredential::parse(text).unwrap()).1.is_some());
    }
}

#[test]
fn every_form_that_cannot_be_used_is_refused_by_its_name() {
    let key = block("PRIVATE KEY", &KEY.pkcs8);
    let own = block("CERTIFICATE", &certificate(&KEY));
    let foreign = block("CERTIFICATE", &certificate(&OTHER_KEY));
    let with_own = |key: String| key + &own;
    let ec = p256_key();
    let ed = ed25519_key();
    let pair = |key: &Key| block("PRIVATE KEY", &key.pkcs8) + &block("CERTIFICATE", &certificate(key));
    let short = rsa_key(1024);
    let request = CertificateParams::default().serialize_request(&*KEY).unwrap();
    let proc_type = block("RSA PRIVATE KEY", &pkcs1(&KEY)).replacen(
        "-----\n",
        "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n",
        1,
    );
    let pfx = STANDARD.encode(
        [
            &[0x30, 0x82, 9, 0, 2, 1, 3, 0x30, 0x82, 8, 0, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1, 0xa0][..],
            &[4; 2200],
        ]
        .concat(),
    );
    for (what, text, words) in [
        ("PKCS#12", pfx, "application/x-pem-file"),
        ("the key in DER", STANDARD.encode(&KEY.pkcs8), "DER"),
        ("the certificate in DER", STANDARD.encode(certificate(&KEY)), "DER"),
        ("certificate alone", own.clone(), "without its private key"),
        ("chain alone", own.clone() + &foreign, "without its private key"),
        ("key alone", key.clone(), "without its certificate"),
        ("request", block("CERTIFICATE REQUEST", request.der()), "CSR"),
        ("request and key", key.clone() + &block("CERTIFICATE REQUEST", request.der()), "without its certificate"),
        ("public key", block("PUBLIC KEY", &KEY.public), "is a public key"),
        ("PKCS#7", block("PKCS7", &[1; 99]), "PKCS#7"),
        ("another's certificate", key.clone() + &foreign, "does not belong to the certificate"),
        ("encrypted", with_own(block("ENCRYPTED PRIVATE KEY", &KEY.pkcs8)), "encrypted with a password"),
        ("encrypted in the old way", with_own(proc_type.clone()), "encrypted with a password"),
        ("encrypted in the old way, on one line", with_own(proc_type).replace('\n', " "), "encrypted with a password"),
        ("EC", pair(&ec), "not RSA"),
        ("EC in SEC1", with_own(block("EC PRIVATE KEY", &[1; 99])), "not RSA"),
        ("Ed25519", pair(&ed), "not RSA"),
        ("SSH", with_own(block("OPENSSH PRIVATE KEY", b"openssh-key-v1\0")), "not RSA"),
        ("1024 bits", with_own(block("PRIVATE KEY", &short.pkcs8)), "2048 to 4096 bits"),
        ("damaged key", with_own(block("PRIVATE KEY", &KEY.pkcs8[..900])), "damaged"),
        ("damaged block", with_own(key.replacen("MII", "M!I", 1)), "damaged"),
        ("damaged certificate", key.clone() + &block("CERTIFICATE", &certificate(&KEY)[..300]), "cannot be read"),
        ("no end", key.replace("-----END PRIVATE KEY-----", "") + &own, "damaged"),
        ("no beginning", key.replace("-----BEGIN PRIVATE KEY-----\n", ""), "damaged"),
        ("without its lines", key.lines().filter(|line| !line.starts_with('-')).collect(), "DER"),
        ("too long", "k8Q~".repeat(17_000), "longer"),
    ] {
        let fault = ClientCredential::parse(text.clone()).expect_err(what);
        assert!(fault.contains(words), "{what}: {fault}");
        assert!(text.lines().filter(|line| line.len() > 20).all(|line| !fault.contains(line)), "{what}: {fault}");
    }
}

#[test]
fn a_plain_secret_is_sent_as_it_is() {
    for secret in [
        "Abc8Q~0.kT-_mN5vBx1yZ2wE3rT4uI6oP7aS8dF9",
        "-a+b/c=&%20?:;~.{x}'\"=",
        &STANDARD.encode([0x30; 32]),
        &STANDARD.encode([7; 32]),
    ] {
        let (fields, _) = sent(&ClientCredential::parse(secret.to_owned()).unwrap());
        assert_eq!(fields, [("client_secret".to_owned(), secret.to_owned())]);
    }
}

#[test]
fn a_certificate_out_of_its_time_is_sent_and_named_as_such_when_entra_refuses_it() {
    let valid = |from: i32, to: i32| {
        let mut parameters = parameters();
        (parameters.not_before, parameters.not_after) =
            (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        let certificate = parameters.self_signed(&*KEY).unwrap();
        ClientCredential::parse(block("PRIVATE KEY", &KEY.pkcs8) + &block("CERTIFICATE", certificate.der())).unwrap()
    };
    // UTCTime until 2049, GeneralizedTime from then on. NOW is in January 2027.
    for (credential, words) in [
        (valid(2020, 2040), "upload the public part"),
        (valid(2020, 2090), "upload the public part"),
        (valid(2020, 2026), "has expired"),
        (valid(2028, 2040), "not valid yet"),
        (valid(2050, 2090), "not valid yet"),
    ] {
        assert!(sent(&credential).1.is_some());
        assert!(credential.remedy(&[], NOW).contains(words), "{}", credential.remedy(&[], NOW));
    }
}

#[test]
fn an_assertion_has_the_form_that_entra_documents_and_is_signed_once() {
    const CLIENT: Uuid = Uuid::from_u128(7);
    let own = certificate(&KEY);
    let text = block("PRIVATE KEY", &KEY.pkcs8) + &block("CERTIFICATE", &own);
    let credential = ClientCredential::parse(text).unwrap();
    let assertion = |endpoint: &str, now: u64, random: u8| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        credential.authenticate(&mut form, endpoint, CLIENT, UnixTime(now), [random; 16]).unwrap();
        let fields: Vec<_> = form_urlencoded::parse(form.finish().as_bytes()).into_owned().collect();
        let [(kind_name, kind), (name, assertion)] = fields.as_slice() else { panic!("{fields:?}") };
        assert_eq!(
            (kind_name.as_str(), kind.as_str(), name.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion")
        );
        assertion.clone()
    };
    let first = assertion(TOKEN_ENDPOINT, NOW.0, 1);
    let parts: Vec<Value> = first
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(own));
    assert_eq!(parts[0], json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
    let random_id = "01010101-0101-4101-8101-010101010101";
    assert_eq!(
        parts[1],
        json!({"aud": TOKEN_ENDPOINT, "iss": CLIENT, "sub": CLIENT, "nbf": NOW.0, "iat": NOW.0, "exp": NOW.0 + 600,
               "jti": random_id})
    );

    assert_eq!(assertion(TOKEN_ENDPOINT, NOW.0 + 479, 2), first);
    assert_ne!(assertion(TOKEN_ENDPOINT, NOW.0 + 480, 3), first);
    assert_ne!(assertion("https://login.example/another/oauth2/v2.0/token", NOW.0, 4), first);
}
