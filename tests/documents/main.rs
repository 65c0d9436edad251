//! What the documents say about the code is generated from it.
//!
//! `UPDATE_DOCUMENTS=1 cargo test --test documents` rewrites the generated parts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod openapi;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    sync::Mutex,
};

use entra_obo::toolkit::ProblemType;

/// All problems, by status and code; those of this API replace the core's of the same code.
fn problem_types() -> BTreeMap<(u16, &'static str), &'static ProblemType> {
    let all = entra_obo::toolkit::PROBLEM_TYPES.iter().chain(profile_get::PROBLEM_TYPES);
    all.map(|problem_type| ((problem_type.status.as_u16(), problem_type.code), problem_type)).collect()
}

#[test]
fn a_code_has_one_status() {
    let codes: BTreeSet<&str> = problem_types().keys().map(|(_, code)| *code).collect();
    assert_eq!(codes.len(), problem_types().len());
    for ((status, code), problem_type) in problem_types() {
        assert!((400..600).contains(&status), "{code}");
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        assert!(problem_type.detail.ends_with('.') && !problem_type.remedy.ends_with('.'), "{code}");
    }
}

#[test]
fn the_table_of_errors_is_that_of_the_code() {
    let mut table = "\n| status | `code` | what to do |\n|---|---|---|\n".to_owned();
    for ((status, code), problem_type) in problem_types() {
        table.push_str(&format!("| {status} | `{code}` | {} |\n", problem_type.remedy));
    }
    table.push('\n');
    is_in("docs/errors.md", "codes", &table);
}

/// The families of codes in `entra_obo::exchange::aadsts::Code`: the variant, the code of the answer, what to do.
const FAMILIES: [(&str, &str, &str); 12] = [
    ("Throttled", "`entra_throttled`", "Wait; `loop` is one client that repeats itself"),
    ("Busy", "`entra_unavailable`", "Wait: Entra, or what it depends on, fails for now"),
    (
        "Consent",
        "`consent_required`",
        "Consent, once for the directory; see [deployment](deployment.md#register-the-api)",
    ),
    (
        "Absent",
        "`consent_required`; with a single tenant `server_misconfigured`",
        "The directory does not have this API: its administrator consents. With a single tenant: correct `tenant_id` or `client_id`",
    ),
    (
        "Disabled",
        "`access_denied`; with a single tenant `server_misconfigured`",
        "An administrator disabled this API: enable it under *Enterprise applications*, *Properties*",
    ),
    ("AppOnly", "`app_only_token`", "The client has to use a token of a signed-in person"),
    ("Denied", "`access_denied`", "Change the person's account, assignment or the policy, if they should have access"),
    (
        "SignIn",
        "`interaction_required`, or `claims_challenge` if Entra sent claims",
        "Nothing: the client signs the person in again",
    ),
    ("Token", "`token_refused`", "Nothing: the client gets a new token"),
    (
        "TokenOrConsent",
        "`token_refused`; for personal accounts `consent_required`",
        "Nothing: the client gets a new token; a person with a personal account consents",
    ),
    (
        "Credential",
        "`server_misconfigured`",
        "Correct the federated credential of the registration, or the token: the `cause` says what to compare",
    ),
    ("Operator", "`server_misconfigured`", "Correct the registration or the settings; the word says what"),
];

/// The rows of the table of codes, as its source has them: first and last code, family, reason.
fn aadsts_codes() -> Vec<(u32, u32, String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/entra-obo/src/exchange/aadsts.rs");
    let source = fs::read_to_string(source).unwrap();
    let announced = source.split_once("CODES: [(RangeInclusive<u32>, Code, &str); ").unwrap().1;
    let (number, rows) = announced.split_once("] = [").unwrap();
    let rows: Vec<_> = rows.split_once("];").unwrap().0.lines().filter_map(aadsts_row).collect();
    assert_eq!(rows.len(), number.parse::<usize>().unwrap(), "not every row was understood");
    rows
}

fn aadsts_row(line: &str) -> Option<(u32, u32, String, String)> {
    let row = line.trim().strip_prefix('(')?.strip_suffix("),")?;
    let (range, rest) = row.split_once(", Code::")?;
    let (family, reason) = rest.split_once(", ")?;
    let (first, last) = range.split_once("..=")?;
    let number = |text: &str| text.replace('_', "").parse().ok();
    let family = family.split('(').next()?;
    Some((number(first)?, number(last)?, family.to_owned(), reason.trim_matches('"').to_owned()))
}

#[test]
fn the_table_of_aadsts_codes_is_that_of_the_code() {
    let codes = aadsts_codes();
    let families: BTreeSet<&str> = codes.iter().map(|(.., family, _)| family.as_str()).collect();
    assert_eq!(families, FAMILIES.iter().map(|(family, ..)| *family).collect());

    let mut table = "\n| answer | what to do | codes, each after its one-word reason |\n|---|---|---|\n".to_owned();
    for (family, answer, remedy) in FAMILIES {
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (first, last, _, reason) in codes.iter().filter(|(.., of, _)| of == family) {
            let text = if first == last { first.to_string() } else { format!("{first} to {last}") };
            reasons.entry(reason).or_default().push(text);
        }
        let reasons: Vec<_> = reasons.iter().map(|(reason, codes)| format!("{reason}: {}", codes.join(", "))).collect();
        table.push_str(&format!("| {answer} | {remedy} | {} |\n", reasons.join("; ")));
    }
    table.push('\n');
    is_in("docs/operations.md", "aadsts", &table);
}

/// A code that is misspelt there would never raise an alarm.
#[test]
fn what_to_alert_on_exists() {
    let known: BTreeSet<&str> = problem_types().keys().map(|(_, code)| *code).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text.split_once("## What to alert on").unwrap().1.split_once("\n## ").unwrap().0;
    let conditions = section.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split('|').nth(1));
    let named: Vec<&str> = conditions.flat_map(|condition| condition.split('`').skip(1).step_by(2)).collect();
    let codes: Vec<&&str> = named.iter().filter(|name| name.contains('_') && **name != "token_from").collect();
    assert!(codes.len() > 10, "{named:?}");
    let unknown: Vec<_> = codes.iter().filter(|code| !known.contains(**code)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The names of the log's other events, as the sources have them.
fn events(folder: &Path, events: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            self::events(&entry.path(), events);
            continue;
        }
        let source = fs::read_to_string(entry.path()).unwrap();
        let calls = ["event_log::warn(", "event_log::error("].map(|call| source.split(call).skip(1));
        events.extend(calls.into_iter().flatten().filter_map(|rest| Some(rest.split('"').nth(1)?.to_owned())));
    }
}

#[test]
fn every_event_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = BTreeSet::new();
    for folder in ["src", "components/entra/src", "crates/entra-obo/src", "crates/entra-obo-spin/src"] {
        events(&root.join(folder), &mut written);
    }
    let page = fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let section = page.split_once("There are lines without").unwrap().1.split_once("\n\n").unwrap().0;
    let documented = section.split('`').skip(1).step_by(2).filter(|name| !["level", "event", "cause"].contains(name));
    assert_eq!(documented.map(str::to_owned).collect::<BTreeSet<_>>(), written);
}

#[test]
fn the_table_of_errors_of_entra_is_that_of_its_code() {
    let mut table = "\n| status | `code` | what to do |\n|---|---|---|\n".to_owned();
    for problem_type in entra::PROBLEM_TYPES {
        let (status, code) = (problem_type.status.as_u16(), problem_type.code);
        table.push_str(&format!("| {status} | `{code}` | {} |\n", problem_type.remedy));
    }
    table.push('\n');
    is_in("docs/entra.md", "codes", &table);
}

/// Tests that read and write parts of the same document run at the same time.
static WRITING: Mutex<()> = Mutex::new(());

/// The part between the two comments of this name is `generated`.
fn is_in(document: &str, name: &str, generated: &str) {
    let _writing = WRITING.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(&path).unwrap();
    let (open, close) = if document.ends_with(".md") { ("<!--", " -->") } else { ("#", "") };
    let (begin, end) = (format!("{open} {name}: generated{close}\n"), format!("{open} /{name}{close}\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} has no {begin}"));
    let (now, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{document} has no {end}"));
    if env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{before}{begin}{generated}{end}{after}")).unwrap();
    } else {
        assert_eq!(now, generated, "UPDATE_DOCUMENTS=1 cargo test --test documents rewrites {document}");
    }
}

/// `spin new` starts an app that is the example in the same language, under another name.
#[test]
fn templates_are_the_examples() {
    const OF_A_CLONE: &str = "../../target/wasm32-wasip2/release/";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (language, code) in [("rust", "src/lib.rs"), ("javascript", "src/index.js"), ("python", "app.py")] {
        let (template, example) = (format!("templates/entra-{language}/content"), format!("examples/{language}"));
        let pinned = match language {
            "rust" => "Cargo.toml",
            "javascript" => "package.json",
            _ => "requirements.txt",
        };
        for file in [code, pinned, "spin.toml", ".gitignore"] {
            let rendered = fs::read_to_string(root.join(&template).join(file)).unwrap();
            let rendered = rendered
                .replace("{% raw %}", "")
                .replace("{% endraw %}", "")
                .replace("{{project-name | kebab_case}}", &format!("guarded-{language}"))
                .replace("{{project-name | snake_case}}", &format!("guarded_{language}"))
                .replace("{{entra-wasm}}", "entra.wasm");
            let own = |line: &&str| {
                !line.starts_with("description = \"{{project-description}}") && !line.starts_with("# `cargo dev build`")
            };
            let rendered: Vec<&str> = rendered.trim_end().lines().filter(own).collect();

            let expected = fs::read_to_string(root.join(&example).join(file)).unwrap();
            let expected = expected
                .replace(&format!("{OF_A_CLONE}entra.wasm"), "entra.wasm")
                .replace(OF_A_CLONE, "target/wasm32-wasip2/release/");
            let ours = |line: &&str| !line.starts_with("license = ");
            let expected: Vec<&str> = expected.trim_end().lines().filter(ours).collect();
            assert_eq!(rendered, expected, "{template}/{file}");
        }
    }
}
