//! The emulated tenant answers as the real services were recorded to, but for the differences that have a reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use emulated_tenant::recording::{
    Difference, Normaliser, Outcome, Recording, SCENARIOS, Scenario, ScenarioRequest, ScenarioResponse, TargetTenant,
    leak,
};
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::client::{start, try_send};

#[tokio::test]
async fn the_emulated_tenant_answers_as_recorded() {
    let responses = Responses::of_all_scenarios().await;
    let mut found = BTreeSet::new();
    for scenario in SCENARIOS {
        let Some(recording) = recording(scenario.name) else { continue };
        let response = responses.normaliser.normalise(&responses.by_name[scenario.name]);
        found.extend(recording.differences(&response).into_iter().map(|difference| (scenario.name, difference)));
    }
    let listed = listed_differences();
    let unlisted: Vec<_> =
        found.iter().filter(|(name, it)| !listed.contains(&(name.to_string(), it.clone()))).collect();
    let gone: Vec<_> = listed.iter().filter(|(name, it)| !found.contains(&(name.as_str(), it.clone()))).collect();
    let unlisted: Vec<String> = unlisted.into_iter().map(|(name, it)| entry(name, it)).collect();
    assert!(unlisted.is_empty(), "differences that recordings/differences.toml does not list:\n{}", unlisted.concat());
    assert!(gone.is_empty(), "recordings/differences.toml lists what no longer differs:\n{gone:#?}");
}

#[test]
fn each_recording_belongs_to_a_scenario() {
    for file in fs::read_dir(folder()).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "json") {
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert!(SCENARIOS.iter().any(|scenario| scenario.name == name), "no scenario is called {name}");
            assert_eq!(leak(&recording(name).unwrap(), &[]), None, "{name}");
        }
    }
}

#[tokio::test]
async fn no_recording_of_the_emulated_tenant_would_hold_a_token_a_secret_or_a_name() {
    let responses = Responses::of_all_scenarios().await;
    for (name, response) in &responses.by_name {
        let recording = recording_of(&responses.normaliser, response);
        assert_eq!(leak(&recording, &responses.secrets), None, "{name}: {}", recording.to_json().unwrap());
        let raw = Recording {
            headers: Some(response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()),
            body: serde_json::from_slice(&response.body).ok(),
            ..recording
        };
        assert!(leak(&raw, &responses.secrets).is_some(), "{name}: the unchanged response would have been published");
    }
}

/// A fault of the normaliser would look like agreement, so it is shown what must not be the same to it.
#[tokio::test]
async fn a_normalised_answer_shows_every_change() {
    let responses = Responses::of_all_scenarios().await;
    let mut changes = 0;
    for (name, response) in &responses.by_name {
        let recording = recording_of(&responses.normaliser, response);
        for (what, mutant) in mutants(response, &recording) {
            let mutant = responses.normaliser.normalise(&mutant);
            assert!(!recording.differences(&mutant).is_empty(), "{name}: {what} is not noticed");
            changes += 1;
        }
        let again = responses.normaliser.normalise(response);
        assert!(recording.differences(&again).is_empty(), "{name}");
    }
    assert!(changes > 1000, "only {changes} changes were tried");
}

/// The answer with one thing missing, and with one other thing in place of each that a recording keeps to the letter.
fn mutants(response: &ScenarioResponse, recording: &Recording) -> Vec<(String, ScenarioResponse)> {
    let mut mutants =
        vec![("another status".to_owned(), ScenarioResponse { status: response.status + 1, ..response.clone() })];
    for (index, (name, value)) in response.headers.iter().enumerate() {
        let mut without = response.clone();
        without.headers.remove(index);
        mutants.push((format!("the header {name} missing"), without));
        if recording.headers.as_ref().unwrap().contains(&format!("{name}: {value}")) {
            let mut changed = response.clone();
            changed.headers[index].1.push('x');
            mutants.push((format!("another header {name}"), changed));
        }
    }
    mutants.push(("another header".to_owned(), {
        let mut more = response.clone();
        more.headers.push(("x-new".to_owned(), "1".to_owned()));
        more
    }));
    if let Ok(body) = serde_json::from_slice::<Value>(&response.body) {
        let with_body = |body: &Value| ScenarioResponse { body: body.to_string().into_bytes(), ..response.clone() };
        for path in paths(&body) {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let mut without = body.clone();
            match without.pointer_mut(parent).unwrap() {
                Value::Object(members) => _ = members.remove(&name.replace("~1", "/")),
                // The keys of a set are as many as there happen to be.
                _ => continue,
            }
            mutants.push((format!("{path} missing"), with_body(&without)));
            let mut changed = body.clone();
            let value = changed.pointer_mut(&path).unwrap();
            *value = match value {
                Value::String(text)
                    if recording.body.as_ref().unwrap().pointer(&path) == Some(&text.as_str().into()) =>
                {
                    format!("{text}x").into()
                }
                Value::String(_) => 7.into(),
                Value::Number(_) => "text".into(),
                Value::Bool(bool) => Value::Bool(!*bool),
                Value::Null | Value::Array(_) | Value::Object(_) => "text".into(),
            };
            mutants.push((format!("another {path}"), with_body(&changed)));
        }
        // What clients decide by.
        for (path, other) in [
            ("/error", Value::from("other_error")),
            ("/suberror", "other_action".into()),
            ("/error_codes", serde_json::json!([50058])),
            ("/error_description", "AADSTS1: Words. Trace ID: x".into()),
            ("/claims", r#"{"access_token":{"acrs":{"value":"c1"}}}"#.into()),
            ("/error/code", "OtherCode".into()),
            ("/error/innererror/code", "OtherCode".into()),
            ("/expires_in", 5.into()),
        ] {
            let mut changed = body.clone();
            if let Some(value) = changed.pointer_mut(path).filter(|value| !value.is_object()) {
                *value = other;
                mutants.push((format!("another {path}"), with_body(&changed)));
            }
        }
    }
    mutants
}

/// The JSON Pointers (RFC 6901) of all members of objects, those of the first element of lists included.
fn paths(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| {
        let below = paths(value).into_iter().map(|path| format!("/{name}{path}")).collect::<Vec<_>>();
        [vec![format!("/{name}")], below].concat()
    };
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| below(name.replace('/', "~1"), value)).collect()
        }
        Value::Array(values) => values.first().map(|value| below("0".to_owned(), value)).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// What the emulated tenant answers.
struct Responses {
    normaliser: Normaliser,
    secrets: Vec<String>,
    by_name: BTreeMap<&'static str, ScenarioResponse>,
}

impl Responses {
    /// The same for all tests: a tenant of their own each would take time and show nothing more.
    async fn of_all_scenarios() -> &'static Self {
        static ANSWERS: OnceCell<Responses> = OnceCell::const_new();
        ANSWERS.get_or_init(Self::ask).await
    }

    async fn ask() -> Self {
        let tenant = start().await;
        let target = TargetTenant::emulated(&tenant).unwrap();
        let mut secrets = target.secrets();
        secrets.extend([target.tenant_id.clone(), target.domain.clone()]);
        let mut by_name = BTreeMap::new();
        for scenario in SCENARIOS {
            let (response, tokens) = run(scenario, &target).await;
            by_name.insert(scenario.name, response);
            secrets.extend(tokens);
        }
        Self { normaliser: Normaliser::new(&target), secrets, by_name }
    }
}

async fn run(scenario: &Scenario, target: &TargetTenant) -> (ScenarioResponse, Vec<String>) {
    let nobody_waits = async |_: &str| Ok(());
    match scenario.run(target, &send, &nobody_waits).await {
        Ok(Outcome::Answered { response, tokens, .. }) => (response, tokens),
        Ok(Outcome::Lacks(what)) => panic!("{}: the emulated tenant lacks {what}", scenario.name),
        Err(error) => panic!("{}: {error:#}", scenario.name),
    }
}

async fn send(request: ScenarioRequest) -> anyhow::Result<ScenarioResponse> {
    let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body =
        request.form.as_ref().map(|form| form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish());
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let response = try_send(method, &request.url, &headers, &body.unwrap_or_default()).await?;
    let headers = response.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Ok(ScenarioResponse { status: response.status.as_u16(), headers: headers.collect(), body: response.body.to_vec() })
}

fn recording_of(normaliser: &Normaliser, response: &ScenarioResponse) -> Recording {
    Recording::new("127.0.0.1".to_owned(), normaliser.normalise(response))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

fn recording(name: &str) -> Option<Recording> {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).ok()?;
    Some(Recording::from_json(&text).unwrap())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    difference: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scenarios: Vec<String>,
    at: String,
    recorded: Option<String>,
    emulated: Option<String>,
    reason: String,
}

fn listed_differences() -> BTreeSet<(String, Difference)> {
    let text = fs::read_to_string(folder().join("differences.toml")).unwrap();
    let listed: Listed = toml::from_str(&text).unwrap();
    let entries = listed.difference.into_iter().flat_map(|entry| {
        assert!(entry.reason.len() > 20, "{}: a difference needs a reason", entry.at);
        let difference = Difference { at: entry.at, recorded: entry.recorded, answered: entry.emulated };
        entry.scenarios.into_iter().map(move |scenario| (scenario, difference.clone()))
    });
    entries.collect()
}

/// How the file would list a difference.
fn entry(scenario: &str, difference: &Difference) -> String {
    let line = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name} = '{value}'\n")).unwrap_or_default()
    };
    format!(
        "\n[[difference]]\nscenarios = [\"{scenario}\"]\nat = \"{}\"\n{}{}reason = \"\"\n",
        difference.at,
        line("recorded", &difference.recorded),
        line("emulated", &difference.answered)
    )
}
