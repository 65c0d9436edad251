//! How the component responds to each recorded response of the real services, in `dev/tenant/recordings`.
//!
//! The responses are a snapshot, so a review of a new recording shows what it means to callers.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    answered::Answered,
    caller_tokens::{KEY_ID, Plan, foreign_jwk, key_set, token, token_with},
    scripted_host::{AUTHORITY, CLIENT, NOW, PERSON, Reply, TENANT, World},
};

/// The directory of personal Microsoft accounts.
const MICROSOFT_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[test]
fn each_recorded_answer_has_a_meaning() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".json").map(ToOwned::to_owned))
        .collect();
    names.sort();
    let meanings: Vec<String> = names.iter().flat_map(|name| meanings(name)).collect();
    insta::assert_snapshot!("recorded_answers", meanings.join("\n"));
}

/// What callers get if an upstream responds as recorded under this name.
fn meanings(name: &str) -> Vec<String> {
    let recording = recording(name);
    let world = World::new();
    match name {
        "token-app-only" => {
            let claims = &recording["body"]["access_token"]["jwt"]["claims"];
            let answer = world.get(&token_with(|plan| plan.claims = claims_of(claims)));
            vec![line("token-app-only, as the caller's own token", &answer)]
        }
        // The component does not ask these: the host reads the vault, and MSAL's clients ask for instances.
        _ if name.starts_with("vault-") || name == "instance-discovery" => Vec::new(),
        _ if name.starts_with("keys-") => {
            let keys = recording["body"]["keys"].as_array().unwrap();
            (0..keys.len()).map(|index| signed_by(name, keys, index)).collect()
        }
        _ if name.starts_with("metadata-") => {
            let endpoint = if name.ends_with("-v1") { "metadata-v1" } else { "metadata" };
            let caller = if name.contains("common") { for_everybody(&world) } else { |_: &mut Plan| () };
            world.next(endpoint, [reply(&recording)]);
            vec![line(name, &world.get(&token_with(|plan| versioned(plan, name, caller))))]
        }
        "exchange-personal-account" => {
            for_everybody(&world);
            world.next("token", [reply(&recording)]);
            let paula = token_with(|plan| {
                plan.claim("tid", MICROSOFT_ACCOUNTS);
                plan.claim("iss", format!("{AUTHORITY}/{MICROSOFT_ACCOUNTS}/v2.0"));
            });
            vec![line(name, &world.get(&paula))]
        }
        _ if name.starts_with("graph-photo") => {
            world.next("photo", [reply(&recording)]);
            let bearer = format!("Bearer {}", token());
            vec![line(name, &world.ask("/api/profile-get/photo", &[("authorization", &bearer)]))]
        }
        _ if name.starts_with("graph-") => {
            // Twice, since a first refusal of a token is answered with another token.
            world.next("me", [reply(&recording), reply(&recording)]);
            vec![line(name, &world.get(&token()))]
        }
        _ => {
            // Twice, since a refused credential is read and sent again.
            world.next("token", [reply(&recording), reply(&recording)]);
            vec![line(name, &world.get(&token()))]
        }
    }
}

/// The answer to a token that the key at `index` of a recorded set has signed. The set is that of every directory.
fn signed_by(name: &str, keys: &[Value], index: usize) -> String {
    let world = World::new();
    for_everybody(&world);
    let signing = &key_set()["keys"][0];
    let set: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(position, key)| {
            let number =
                if position == index { signing.clone() } else { foreign_jwk(&format!("key-{position}-of-others")) };
            let mut key = expand(key);
            for member in ["n", "e", "kid", "x5t"] {
                key[member] = number.get(member).cloned().unwrap_or_else(|| KEY_ID.into());
            }
            key
        })
        .collect();
    let (metadata, endpoint, keys_endpoint) = match name.ends_with("-v1") {
        true => ("metadata-common-v1", "metadata-v1", "keys-v1"),
        false => ("metadata-common-v2", "metadata", "keys"),
    };
    world.next(endpoint, [reply(&recording(metadata))]);
    world.next(keys_endpoint, [Reply::json(200, &json!({"keys": set}))]);
    let answer = world.get(&token_with(|plan| versioned(plan, name, |_| ())));
    let key = &keys[index];
    let of =
        [&key["cloud_instance_name"], &key["issuer"]].map(|member| member.as_str().unwrap_or("no member").to_owned());
    line(&format!("{name}, signed by the key of {}", of.join(", ")), &answer)
}

/// The API accepts tokens of several directories.
fn for_everybody(world: &World) -> fn(&mut Plan) {
    world.set("tenant_id", "common").set("allowed_tenants", &format!("{TENANT},{MICROSOFT_ACCOUNTS}"));
    |_| ()
}

/// A token of the version whose endpoint was recorded.
fn versioned(plan: &mut Plan, name: &str, change: fn(&mut Plan)) {
    if name.ends_with("-v1") {
        plan.version_1();
    }
    change(plan);
}

/// One line: what was answered, to whom, and what a client may do.
fn line(name: &str, answer: &Answered) -> String {
    let mut line = format!("{name}: {}", answer.status);
    if answer.header("content-type") == "application/problem+json" {
        line = format!("{line} {}", answer.code());
    }
    for header in ["retry-after", "www-authenticate"] {
        if !answer.header(header).is_empty() {
            line = format!("{line}\n    {header}: {}", answer.header(header));
        }
    }
    for member in ["claims", "graph_error_code", "consent_url"] {
        if let Some(value) =
            serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| body.get(member).cloned())
        {
            line = format!("{line}\n    {member}: {}", value.as_str().unwrap_or_default());
        }
    }
    line
}

/// The answer of an upstream. The component asks for bodies that are not compressed.
fn reply(recording: &Value) -> Reply {
    let status = recording["status"].as_u64().unwrap().try_into().unwrap();
    let mut body = expand(&recording["body"]);
    if status == 200 && body.get("token_type").is_some() {
        body["access_token"] = "graph-token".into();
    }
    let mut reply = match body {
        Value::Null => Reply::new(status, "bytes"),
        body => Reply::new(status, body.to_string()),
    };
    for header in recording["headers"].as_array().into_iter().flatten() {
        let (name, value) = header.as_str().unwrap().split_once(": ").unwrap();
        let name: &'static str = name.to_owned().leak();
        if !["content-length", "content-encoding", "transfer-encoding", "date"].contains(&name) {
            reply = reply.header(name, &expand_text(value));
        }
    }
    if recording["headers"].is_null() {
        reply = reply.header("content-type", "application/json");
    }
    reply
}

/// A recorded value with something of its type in place of each placeholder.
fn expand(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("<seconds: about an hour") => 3600.into(),
        Value::String(text) if text.starts_with("<seconds: about a day") => 86_400.into(),
        Value::String(text) if text == "<seconds>" => 7.into(),
        Value::String(text) if text == "<unix-time>" => NOW.into(),
        Value::String(text) => expand_text(text).into(),
        Value::Array(values) => values.iter().map(expand).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), expand(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn expand_text(text: &str) -> String {
    let mut text = text.to_owned();
    for (placeholder, value) in [
        ("https://login.microsoftonline.com", AUTHORITY),
        ("<tenant>", TENANT),
        ("<client>", CLIENT),
        ("<guid>", PERSON),
        ("<unix-time>", "1752041837"),
        ("<address>", "203.0.113.7"),
        ("<time>", "2026-01-31 12:00:00Z"),
        ("<seconds>", "7"),
        ("<number>", "1.5"),
    ] {
        text = text.replace(placeholder, value);
    }
    // Claims hold no ">" once what they are made of is expanded.
    while let Some((before, rest)) = text.split_once("<base64 ") {
        let (claims, after) = rest.split_once('>').unwrap();
        text = format!("{before}{}{after}", STANDARD.encode(claims));
    }
    text.replace(['<', '>'], "")
}

/// The claims of a token whose names and types were recorded.
fn claims_of(recorded: &Value) -> Map<String, Value> {
    let mut claims = expand(recorded).as_object().unwrap().clone();
    claims.insert("exp".to_owned(), (NOW + 3600).into());
    claims
}

fn recording(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/tenant/recordings")
}
