//! Tokens with valid signatures and unacceptable claims: missing, of a wrong type, repeated, look-alike, of another
//! time, directory or purpose, or bound to a key.

use emulated_tenant::TokenPlan;
use serde_json::{Value, json};

use super::case::{Cases, Expected, Object, Parts};

pub(super) fn add(cases: &mut Cases<'_>) {
    for version in [2, 1] {
        let parts = cases.parts(version);
        types(cases, version, &parts);
        twice(cases, version, &parts);
        look_alikes(cases, version, &parts);
        times(cases, version, &parts);
        issuers(cases, version, &parts);
        directories(cases, version, &parts);
        audiences(cases, version, &parts);
        bound_to_keys(cases, version, &parts);
        scopes(cases, version, &parts);
    }
    other_kinds_of_token(cases);
}

/// A token with these parts and one claim replaced.
fn set(cases: &mut Cases<'_>, name: String, parts: &Parts, claim: &str, value: Value) {
    let mut claims = parts.claims.clone();
    claims.insert(claim.to_owned(), value);
    sign(cases, name, parts, claims);
}

fn sign(cases: &mut Cases<'_>, name: String, parts: &Parts, claims: Object) {
    cases.signed(name, parts.header_text().as_bytes(), Value::Object(claims).to_string().as_bytes());
}

/// Claims that every token must have.
const REQUIRED: [&str; 5] = ["ver", "iss", "aud", "exp", "tid"];
/// Claims that are checked if they are present.
const JUDGED: [&str; 12] = ["ver", "iss", "aud", "exp", "nbf", "tid", "oid", "scp", "roles", "idtyp", "azp", "appid"];

fn types(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("claims missing or of a wrong type", Expected::INVALID_TOKEN);
    for claim in REQUIRED {
        let mut claims = parts.claims.clone();
        claims.remove(claim);
        sign(cases, format!("v{version}: no {claim}"), parts, claims);
        let right = parts.claims.get(claim).cloned().unwrap_or_default();
        let mut others = wrong_types(&right);
        if let Value::String(text) = &right {
            others.extend(["", " "].map(Value::from));
            others.extend(
                [format!("{text} "), format!(" {text}"), format!("{text}\0"), format!("{text}\n")].map(Value::from),
            );
            others.push(json!(format!("{text},{text}")));
        }
        for other in others {
            set(cases, format!("v{version}: {claim} is {other}"), parts, claim, other);
        }
    }
    let client = if version == 2 { "azp" } else { "appid" };
    for claim in ["oid", "scp", "idtyp", client] {
        for other in wrong_types(&json!("x")) {
            set(cases, format!("v{version}: {claim} is {other}"), parts, claim, other);
        }
    }
}

fn wrong_types(right: &Value) -> Vec<Value> {
    let mut values =
        vec![json!(null), json!(true), json!(1.5), json!([]), json!({}), json!([right]), json!({"value": right})];
    if right.is_string() {
        values.push(json!(1));
    } else {
        values.push(json!(right.to_string()));
    }
    values
}

/// A repeated claim: with the right value first or last, and with one name written with an escape.
fn twice(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("claims twice", Expected::INVALID_TOKEN);
    let text = parts.claims_text();
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    for claim in JUDGED {
        let right = parts.claims.get(claim).cloned().unwrap_or_else(|| json!("x"));
        let escaped: String = claim.chars().map(|character| format!("\\u{:04x}", u32::from(character))).collect();
        let other = json!("other");
        let mut texts = Vec::new();
        if parts.claims.contains_key(claim) {
            texts.push(("the other first", format!("{{\"{claim}\":{other},{inner}}}")));
            texts.push(("the other last", format!("{{{inner},\"{claim}\":{other}}}")));
            texts.push(("the same again", format!("{{{inner},\"{claim}\":{right}}}")));
            texts.push(("once with escapes", format!("{{\"{escaped}\":{other},{inner}}}")));
        } else {
            texts.push(("two that are no other", format!("{{{inner},\"{claim}\":{other},\"{claim}\":{other}}}")));
        }
        for (name, text) in texts {
            cases.signed(format!("v{version}: {claim}, {name}"), parts.header_text().as_bytes(), text.as_bytes());
        }
    }
    for (name, more) in [
        ("deep in another claim", r#""x":{"a":1,"a":2}"#),
        ("deep in a list", r#""x":[[{"a":1,"a":1}]]"#),
        ("a claim that nobody reads", r#""x":1,"x":2"#),
    ] {
        let text = format!("{{{inner},{more}}}");
        cases.signed(format!("v{version}: {name}"), parts.header_text().as_bytes(), text.as_bytes());
    }
}

/// A claim and a second one whose name differs only in case.
fn look_alikes(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("claims that look alike", Expected::INVALID_TOKEN);
    for claim in JUDGED {
        let mut capital = claim.to_owned();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let mut last = claim.to_owned();
        let at = last.len().saturating_sub(1);
        if let Some(end) = last.get_mut(at..) {
            end.make_ascii_uppercase();
        }
        for name in [claim.to_ascii_uppercase(), capital, last] {
            let right = parts.claims.get(claim).cloned().unwrap_or_else(|| json!("x"));
            set(cases, format!("v{version}: {name} next to {claim}"), parts, &name, right.clone());
            let mut claims = parts.claims.clone();
            claims.remove(claim);
            claims.insert(name.clone(), right);
            sign(cases, format!("v{version}: {name} in place of {claim}"), parts, claims);
        }
    }
}

/// How long ago a token has expired, or until it becomes valid, in seconds: more than the tolerated five minutes.
const PAST: [i64; 6] = [310, 600, 3600, 86_400, 31_536_000, 1_000_000_000];
/// Entra's longest tokens live 28 hours.
const TOO_LONG: [i64; 6] = [40 * 3600, 2 * 86_400, 30 * 86_400, 31_536_000, 1_000_000_000, 100_000_000_000];

fn times(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    let now = parts.claims.get("nbf").and_then(Value::as_i64).unwrap_or_default() + 300;
    cases.kind("expired", Expected::INVALID_TOKEN);
    for seconds in PAST {
        set(cases, format!("v{version}: over for {seconds} s"), parts, "exp", json!(now - seconds));
    }
    for end in [0, 1, -1, i64::MIN] {
        set(cases, format!("v{version}: over since {end}"), parts, "exp", json!(end));
    }
    cases.kind("not yet valid", Expected::INVALID_TOKEN);
    for seconds in [360, 600, 3600, 86_400, 1_000_000_000] {
        set(cases, format!("v{version}: valid in {seconds} s"), parts, "nbf", json!(now + seconds));
    }
    for start in [json!(u64::MAX), json!(i64::MAX), json!(9_007_199_254_740_993_u64)] {
        set(cases, format!("v{version}: valid from {start}"), parts, "nbf", start);
    }
    for start in [json!("0"), json!(1.5), json!(-1), json!([0]), json!(true), json!({})] {
        set(cases, format!("v{version}: nbf is {start}"), parts, "nbf", start);
    }
    cases.kind("valid for too long", Expected::INVALID_TOKEN);
    for seconds in TOO_LONG {
        set(cases, format!("v{version}: for {seconds} s"), parts, "exp", json!(now + seconds));
    }
    for end in [json!(u64::MAX), json!(i64::MAX), json!(9_007_199_254_740_993_u64)] {
        set(cases, format!("v{version}: until {end}"), parts, "exp", end);
    }
    cases.kind("times that are no whole numbers", Expected::INVALID_TOKEN);
    let text = parts.claims_text();
    let right = format!("\"exp\":{}", parts.claims.get("exp").cloned().unwrap_or_default());
    for end in
        ["1e10", "1E+10", "99999999999.0", "1e400", "-0", "18446744073709551616", "0x7fffffff", "Infinity", "1_0"]
    {
        let text = text.replace(&right, &format!("\"exp\":{end}"));
        cases.signed(format!("v{version}: exp {end}"), parts.header_text().as_bytes(), text.as_bytes());
    }
}

fn issuers(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("other issuers", Expected::INVALID_TOKEN);
    let right = parts.claims.get("iss").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tenant = cases.tenant.tenant_id().to_owned();
    let (other, authority) = (cases.tenant.other_tenant_id().to_owned(), cases.tenant.authority_url().to_owned());
    let of_other_version = match version {
        2 => format!("https://sts.windows.net/{tenant}/"),
        _ => format!("{authority}/{tenant}/v2.0"),
    };
    let issuers = [
        right.replace(&tenant, &other),
        right.replace(&tenant, "{tenantid}"),
        right.replace(&tenant, "common"),
        right.replace(&tenant, "organizations"),
        right.replace(&tenant, "9188040d-6c67-4c5b-b112-36a304b66dad"),
        right.replace(&tenant, &tenant.to_ascii_uppercase()),
        right.replace(&tenant, &format!("{tenant}/{tenant}")),
        right.replace(&tenant, &format!("../{tenant}")),
        right.replace("://", "://attacker.example/"),
        right.replace("://", "://user@"),
        right.replace("://", ":\\\\"),
        right.replacen("http", "HTTP", 1),
        right.replacen("http", "ftp", 1),
        right.trim_end_matches('/').to_owned() + "//",
        format!("{}x", right),
        format!("{right}#"),
        format!("{right}?"),
        format!("{right}%2f"),
        format!("https://attacker.example/?{right}"),
        format!("https://attacker.example/{tenant}/v2.0"),
        format!("https://sts.windows.net.attacker.example/{tenant}/"),
        format!("https://login.microsoftonline.com/{tenant}/v2.0x"),
        of_other_version,
        authority,
        tenant.clone(),
        "accounts.google.com".to_owned(),
        "https://accounts.google.com".to_owned(),
        "null".to_owned(),
    ];
    for issuer in issuers {
        set(cases, format!("v{version}: {issuer}"), parts, "iss", json!(issuer));
    }
}

fn directories(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("other directories", Expected::INVALID_TOKEN);
    let tenant = cases.tenant.tenant_id().to_owned();
    let other = cases.tenant.other_tenant_id().to_owned();
    let written_otherwise = [
        tenant.to_ascii_uppercase(),
        tenant.replace('-', ""),
        format!("{{{tenant}}}"),
        format!("urn:uuid:{tenant}"),
        format!("{tenant}-"),
        tenant.replace('-', "_"),
        "common".to_owned(),
        "organizations".to_owned(),
        "emulated-tenant.example".to_owned(),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "9188040d-6c67-4c5b-b112-36a304b66dad".to_owned(),
        other.clone(),
    ];
    for directory in written_otherwise {
        set(cases, format!("v{version}: tid {directory}"), parts, "tid", json!(directory));
    }
    // A valid token from a directory that is not allowed to call.
    let plan = move |plan: &mut TokenPlan| {
        if version == 1 {
            plan.version_1();
        }
        plan.issued_by(&other);
    };
    cases.planned(format!("v{version}: all of the other directory"), plan);
}

fn audiences(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("other audiences", Expected::INVALID_TOKEN);
    let client = cases.tenant.client_id().to_owned();
    let graph_url = cases.tenant.graph_url().to_owned();
    let audiences = [
        "00000003-0000-0000-c000-000000000000".to_owned(),
        "00000002-0000-0000-c000-000000000000".to_owned(),
        "https://graph.microsoft.com".to_owned(),
        "https://graph.microsoft.com/".to_owned(),
        "https://graph.windows.net".to_owned(),
        "https://vault.azure.net".to_owned(),
        "https://management.azure.com/".to_owned(),
        graph_url,
        cases.tenant.caller_client_id().to_owned(),
        cases.tenant.tenant_id().to_owned(),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        client.to_ascii_uppercase(),
        client.replace('-', ""),
        format!("{{{client}}}"),
        format!("{client}x"),
        format!("{client}//"),
        format!("{client}/user_impersonation"),
        format!("api://{client}/user_impersonation"),
        format!("api://api://{client}"),
        format!("API://{client}"),
        format!("api:/{client}"),
        format!("api:{client}"),
        format!("spn://{client}"),
        format!("https://{client}"),
        format!("api://{client}.attacker.example"),
        format!("api://attacker.example/{client}"),
        format!("api://{client}@attacker.example"),
        format!("api://{client}?"),
        format!("api://{client}%00"),
        format!("{client} {client}"),
        "*".to_owned(),
    ];
    for audience in audiences {
        set(cases, format!("v{version}: {audience}"), parts, "aud", json!(audience));
    }
    for audience in [json!([client]), json!([client, "other"]), json!(["other", client]), json!({"0": client})] {
        set(cases, format!("v{version}: {audience}"), parts, "aud", audience);
    }
}

/// The API does not check proof of possession, so it must refuse tokens that require it (RFC 7800 section 3).
fn bound_to_keys(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("bound to a key", Expected::INVALID_TOKEN);
    let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "x", "alg": "RS256"});
    let confirmations = [
        json!({"jwk": jwk}),
        json!({"kid": "x"}),
        json!({"kid": "x", "xms_ksl": "sw"}),
        json!({"jku": "https://attacker.example/keys", "kid": "x"}),
        json!({"jwe": "a.b.c.d.e"}),
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"tbh": "x"}),
        json!({"unknown": 1}),
        json!({}),
    ];
    for confirmation in confirmations {
        set(cases, format!("v{version}: cnf {confirmation}"), parts, "cnf", confirmation);
    }
}

fn scopes(cases: &mut Cases<'_>, version: u8, parts: &Parts) {
    cases.kind("other scopes", Expected::INSUFFICIENT_SCOPE);
    let client = cases.tenant.client_id().to_owned();
    for scope in [
        "",
        " ",
        "other",
        "User_Impersonation",
        "USER_IMPERSONATION",
        "user_impersonation,",
        "xuser_impersonation",
        "user_impersonation.read",
        "user_impersonatio",
        "user-impersonation",
        "user_impersonation\t",
        "openid profile",
        ".default",
        "*",
        "user_impersonation\u{a0}other",
        "user_impersonation;other",
        "User.Read",
        "\u{0}",
    ] {
        set(cases, format!("v{version}: {scope:?}"), parts, "scp", json!(scope));
    }
    set(
        cases,
        format!("v{version}: with its resource"),
        parts,
        "scp",
        json!(format!("api://{client}/user_impersonation")),
    );
    let mut claims = parts.claims.clone();
    claims.insert("idtyp".into(), json!("user"));
    claims.remove("scp");
    sign(cases, format!("v{version}: a person without scp"), parts, claims.clone());
    claims.insert("scope".into(), json!("user_impersonation"));
    sign(cases, format!("v{version}: scope in place of scp"), parts, claims);

    cases.kind("applications for themselves", Expected::APP_ONLY);
    for roles in [json!(["user_impersonation"]), json!(["Profile.Read.All"]), json!([]), json!("user_impersonation")] {
        let mut claims = parts.claims.clone();
        claims.remove("scp");
        claims.insert("roles".into(), roles.clone());
        sign(cases, format!("v{version}: roles {roles} and no scp"), parts, claims.clone());
        claims.insert("idtyp".into(), json!("app"));
        sign(cases, format!("v{version}: roles {roles}, idtyp app"), parts, claims);
    }
    set(cases, format!("v{version}: idtyp app with scp"), parts, "idtyp", json!("app"));
}

fn other_kinds_of_token(cases: &mut Cases<'_>) {
    cases.kind("ID tokens", Expected::INVALID_TOKEN);
    for (name, claims) in [
        ("as they are", json!({})),
        ("with a nonce", json!({"nonce": "678910"})),
        ("with the hash of an access token", json!({"at_hash": "x", "nonce": "678910"})),
        ("with the hash of a code", json!({"c_hash": "x", "nonce": "678910"})),
        ("with roles", json!({"roles": ["Admin"], "nonce": "678910"})),
        ("with an address", json!({"email": "ada@example.com", "nonce": "678910"})),
    ] {
        let more = claims.as_object().cloned().unwrap_or_default();
        let token = cases.tenant.id_token(cases.person, |plan| plan.claims.extend(more));
        cases.token(name, &token);
    }
    cases.kind("tokens for others", Expected::INVALID_TOKEN);
    let graph = cases.tenant.graph_token(cases.person);
    cases.token("for Microsoft Graph", &graph);
    cases.token("no token at all", "eyJ0eXAiOiJKV1QifQ");
    cases.token("a refresh token", "0.AAAAbbbbCCCC-dddd_eeee.AgABAwEAAAAmoFfGtYxvRrNriQdPKIZ-AgDs_wUA9P8");
}
