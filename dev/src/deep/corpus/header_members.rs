//! Tokens whose header changes their meaning or contains a key of its own.

use serde_json::{Value, json};

use super::case::{Cases, Expected, encoded};

pub(super) fn add(cases: &mut Cases<'_>) {
    cases.kind("header members", Expected::INVALID_TOKEN);
    let parts = cases.parts(2);
    let kid = parts.header.get("kid").cloned().unwrap_or_default();
    for (name, values) in changes() {
        for value in values {
            let mut header = parts.header.clone();
            header.insert(name.to_owned(), value.clone());
            let text = Value::Object(header).to_string();
            cases.signed(format!("{name} is {}", short(&value)), text.as_bytes(), parts.claims_text().as_bytes());
        }
    }
    let mut header = parts.header.clone();
    header.remove("kid");
    cases.signed("no kid", Value::Object(header).to_string().as_bytes(), parts.claims_text().as_bytes());

    // A repeated member: which one counts depends on the parser, so both are refused.
    for (name, other) in
        [("alg", json!("none")), ("alg", json!("RS256")), ("kid", json!("other")), ("kid", kid), ("typ", json!("JWT"))]
    {
        let text = parts.header_text();
        let inner = text.trim_start_matches('{').trim_end_matches('}');
        let first = format!("{{\"{name}\":{other},{inner}}}");
        let last = format!("{{{inner},\"{name}\":{other}}}");
        cases.signed(format!("{name} twice, first {other}"), first.as_bytes(), parts.claims_text().as_bytes());
        cases.signed(format!("{name} twice, last {other}"), last.as_bytes(), parts.claims_text().as_bytes());
    }

    // The forger's own key, in each way that a header can contain or name one.
    for (name, value) in offers() {
        for keeps_kid in [true, false] {
            let value = value.clone();
            let offer = short(&value);
            cases.planned(format!("forged, {name} {offer} offers the key, kid kept: {keeps_kid}"), move |plan| {
                plan.header.insert(name.to_owned(), value);
                plan.signing = match keeps_kid {
                    true => emulated_tenant::Signing::ForgedKey,
                    false => emulated_tenant::Signing::UnknownKey,
                };
            });
        }
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    let start: String = text.chars().take(40).collect();
    if start == text { text } else { format!("{start}... ({} bytes)", text.len()) }
}

fn changes() -> Vec<(&'static str, Vec<Value>)> {
    let any = || vec![json!(null), json!(true), json!(1), json!("x"), json!([]), json!({})];
    vec![
        ("crit", [any(), vec![json!(["exp"]), json!(["b64"]), json!(["alg", "kid"])]].concat()),
        ("b64", vec![json!(false), json!(true), json!(null)]),
        ("zip", vec![json!("DEF"), json!(null)]),
        ("cty", vec![json!("JWT"), json!("")]),
        ("enc", vec![json!("A128GCM"), json!(null)]),
        ("nonce", vec![json!("x"), json!(""), json!(null), json!(1)]),
        (
            "typ",
            vec![
                json!(null),
                json!(1),
                json!([]),
                json!({}),
                json!(""),
                json!("JOSE"),
                json!("JWE"),
                json!("JWT "),
                json!("at+jwt "),
                json!("dpop+jwt"),
                json!("id_token"),
                json!("logout+jwt"),
                json!("pop"),
            ],
        ),
        (
            "kid",
            vec![
                json!(null),
                json!(1),
                json!(true),
                json!([]),
                json!({}),
                json!(""),
                json!("x"),
                json!("k".repeat(257)),
                json!("k".repeat(5000)),
                json!("../../../dev/null"),
                json!("' OR 1=1 --"),
                json!("http://127.0.0.1:1/"),
                json!("\u{0}"),
                json!("ключ"),
                json!("%00"),
                json!("*"),
            ],
        ),
    ]
}

/// Ways to name a key (RFC 7515 section 4.1). Nothing is fetched from their addresses, so nothing needs to listen
/// there.
fn offers() -> Vec<(&'static str, Value)> {
    let jwk = json!({"kty": "RSA", "n": encoded(&[0xff; 256]), "e": "AQAB", "kid": "x", "use": "sig"});
    vec![
        ("jwk", jwk.clone()),
        ("jwk", json!({"kty": "oct", "k": encoded(b"secret")})),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("jku", json!("https://login.microsoftonline.com.attacker.example/keys")),
        ("x5u", json!("http://127.0.0.1:1/certificate")),
        ("x5c", json!(["MIIB"])),
        ("x5c", json!([])),
        ("x5t", json!(encoded(&[1; 20]))),
        ("x5t#S256", json!(encoded(&[1; 32]))),
        ("keys", json!([jwk])),
    ]
}
