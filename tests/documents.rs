//! What the documents say about the code is generated from it.
//!
//! `UPDATE_DOCUMENTS=1 cargo test --test documents` rewrites the generated parts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
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

/// The part between the two comments that bear this name is `generated`.
fn is_in(document: &str, name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- /{name} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} has no {begin}"));
    let (now, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{document} has no {end}"));
    if env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{before}{begin}{generated}{end}{after}")).unwrap();
    } else {
        assert_eq!(now, generated, "UPDATE_DOCUMENTS=1 cargo test --test documents rewrites {document}");
    }
}
