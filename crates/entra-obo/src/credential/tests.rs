use std::sync::LazyLock;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use pem::Pem;
use rcgen::{
    CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize, SigningKey,
};
use rsa::{RsaPrivateKey, pkcs1::EncodeRsaPrivateKey, pkcs8::DecodePrivateKey, pkcs8::EncodePrivateKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::client_credential::ClientCredential;
use crate::host::UnixTime;

const NOW: UnixTime = UnixTime(1_800_000_000);

static KEY: LazyLock<KeyPair> = LazyLock::new(|| rsa_key(RsaKeySize::_2048));
static OTHER_KEY: LazyLock<KeyPair> = LazyLock::new(|| rsa_key(RsaKeySize::_2048));

fn rsa_key(size: RsaKeySize) -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size).unwrap()
}

fn certificate(key: &impl SigningKey) -> Vec<u8> {
    CertificateParams::new(["own".to_owned()]).unwrap().self_signed(key).unwrap().der().to_vec()
}

/// A certificate of the key, and that of the authority which signed it.
fn chain(key: &KeyPair) -> [Vec<u8>; 2] {
    let authority = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let parameters = CertificateParams::new(["authority".to_owned()]).unwrap();
    let root = parameters.self_signed(&authority).unwrap();
    let issuer = Issuer::new(parameters, authority);
    let leaf = CertificateParams::new(["own".to_owned()]).unwrap().signed_by(key, &issuer).unwrap();
    [leaf.der().to_vec(), root.der().to_vec()]
}

fn block(tag: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(tag, der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

fn pkcs1(key: &KeyPair) -> Vec<u8> {
    RsaPrivateKey::from_pkcs8_der(&key.serialize_der()).unwrap().to_pkcs1_der().unwrap().as_bytes().to_vec()
}

/// The fields of a token request, and the thumbprint in its assertion if there is one.
fn sent(credential: &ClientCredential) -> (Vec<(String, String)>, Option<String>) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    credential.authenticate(&mut form, "https://login.example/t/oauth2/v2.0/token", Uuid::nil(), NOW, [7; 16]).unwrap();
    let fields: Vec<_> = form_urlencoded::parse(form.finish().as_bytes()).into_owned().collect();
    let assertion = fields.iter().find(|(name, _)| name == "client_assertion").map(|(_, value)| {
        let header = URL_SAFE_NO_PAD.decode(value.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["x5t#S256"].as_str().unwrap().to_owned()
    });
    (fields, assertion)
}

#[test]
fn every_form_of_a_certificate_with_its_key_is_used() {
    let key = block("PRIVATE KEY", &KEY.serialize_der());
    let own = certificate(&*KEY);
    let [leaf, root] = chain(&KEY);
    let (own_pem, leaf_pem, root_pem) =
        (block("CERTIFICATE", &own), block("CERTIFICATE", &leaf), block("CERTIFICATE", &root));
    let plain = format!("{key}{own_pem}");
    let other_key = block("PRIVATE KEY", &OTHER_KEY.serialize_der());
    let encrypted = block("ENCRYPTED PRIVATE KEY", &KEY.serialize_der());
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
    for size in [RsaKeySize::_3072, RsaKeySize::_4096] {
        let key = rsa_key(size);
        let text = block("PRIVATE KEY", &key.serialize_der()) + &block("CERTIFICATE", &certificate(&key));
        assert!(sent(&ClientCredential::parse(text).unwrap()).1.is_some());
    }
}

#[test]
fn every_form_that_cannot_be_used_is_refused_by_its_name() {
    let key = block("PRIVATE KEY", &KEY.serialize_der());
    let own = block("CERTIFICATE", &certificate(&*KEY));
    let foreign = block("CERTIFICATE", &certificate(&*OTHER_KEY));
    let with_own = |key: String| key + &own;
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let pair = |key: &KeyPair| block("PRIVATE KEY", &key.serialize_der()) + &block("CERTIFICATE", &certificate(key));
    let short = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
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
        ("the key in DER", STANDARD.encode(KEY.serialize_der()), "DER"),
        ("the certificate in DER", STANDARD.encode(certificate(&*KEY)), "DER"),
        ("certificate alone", own.clone(), "without its private key"),
        ("chain alone", own.clone() + &foreign, "without its private key"),
        ("key alone", key.clone(), "without its certificate"),
        ("request", block("CERTIFICATE REQUEST", request.der()), "CSR"),
        ("request and key", key.clone() + &block("CERTIFICATE REQUEST", request.der()), "without its certificate"),
        ("public key", block("PUBLIC KEY", KEY.public_key_raw()), "is a public key"),
        ("PKCS#7", block("PKCS7", &[1; 99]), "PKCS#7"),
        ("another's certificate", key.clone() + &foreign, "does not belong to the certificate"),
        ("encrypted", with_own(block("ENCRYPTED PRIVATE KEY", &KEY.serialize_der())), "encrypted with a password"),
        ("encrypted in the old way", with_own(proc_type.clone()), "encrypted with a password"),
        ("encrypted in the old way, on one line", with_own(proc_type).replace('\n', " "), "encrypted with a password"),
        ("EC", pair(&ec), "not RSA"),
        ("EC in SEC1", with_own(block("EC PRIVATE KEY", &[1; 99])), "not RSA"),
        ("Ed25519", pair(&ed), "not RSA"),
        ("SSH", with_own(block("OPENSSH PRIVATE KEY", b"openssh-key-v1\0")), "not RSA"),
        ("1024 bits", with_own(block("PRIVATE KEY", short.to_pkcs8_der().unwrap().as_bytes())), "2048 to 4096 bits"),
        ("damaged key", with_own(block("PRIVATE KEY", &KEY.serialize_der()[..900])), "damaged"),
        ("damaged block", with_own(key.replacen("MII", "M!I", 1)), "damaged"),
        ("damaged certificate", key.clone() + &block("CERTIFICATE", &certificate(&*KEY)[..300]), "cannot be read"),
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
        let mut parameters = CertificateParams::new(["own".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) =
            (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        let certificate = parameters.self_signed(&*KEY).unwrap();
        ClientCredential::parse(block("PRIVATE KEY", &KEY.serialize_der()) + &block("CERTIFICATE", certificate.der()))
            .unwrap()
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
        assert!(credential.remedy(NOW).contains(words), "{}", credential.remedy(NOW));
    }
}
