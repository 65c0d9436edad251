//! Tokens with an algorithm other than RS256, with every signature known from attacks with that algorithm.

use serde_json::{Value, json};

use super::case::{Cases, Expected};

pub(super) fn add(cases: &mut Cases<'_>) {
    cases.kind("algorithms", Expected::INVALID_TOKEN);
    for algorithm in names() {
        for (signature, forger) in SIGNATURES {
            let algorithm = algorithm.clone();
            cases.planned(format!("alg {algorithm}, {signature}"), move |plan| {
                plan.header.insert("alg".into(), algorithm);
                plan.forger = Some(Box::new(forger));
            });
        }
    }
    cases.planned("no alg", |plan| _ = plan.header.remove("alg"));
    cases.planned("PS256 said to be RS256", |plan| plan.forger = Some(Box::new(|forgery| forgery.ps256())));
    // The public key as a shared secret, in each of its encodings.
    for bits in [256, 384, 512] {
        for form in 0..FORMS {
            for said in [format!("HS{bits}"), "RS256".to_owned()] {
                cases.planned(format!("alg {said}, HMAC-{bits} by the public key in form {form}"), move |plan| {
                    plan.header.insert("alg".into(), said.into());
                    plan.forger = Some(Box::new(move |forgery| {
                        let forms = forgery.public_key_forms();
                        let key = forms.into_iter().nth(form).map(|(_, key)| key);
                        forgery.hmac(bits, &key.unwrap_or_default())
                    }));
                });
            }
        }
    }
}

/// The forms of `Forgery::public_key_forms`.
const FORMS: usize = 7;

type Forge = fn(&emulated_tenant::Forgery<'_>) -> Vec<u8>;

const SIGNATURES: [(&str, Forge); 3] = [
    ("signed by RS256", |forgery| forgery.right()),
    ("unsigned", |_| Vec::new()),
    ("signed by HS256 with an empty key", |forgery| forgery.hmac(256, b"")),
];

fn names() -> Vec<Value> {
    let texts = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "HS256",
        "HS384",
        "HS512",
        "RS1",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES256K",
        "ES384",
        "ES512",
        "EdDSA",
        "Ed25519",
        "ML-DSA-65",
        "RSA-OAEP",
        "A128KW",
        "dir",
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\u{0}",
        "RS256\n",
        "ＲＳ256",
        "R\u{405}256",
        "",
    ];
    let others = [json!(null), json!(256), json!(true), json!(["RS256"]), json!({"RS256": "RS256"}), json!([])];
    texts.iter().map(|text| json!(text)).chain(others).collect()
}
