//! The operations and their responses in `docs/openapi.yaml`: of the routes in `spin.toml`, and of the table of errors.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use entra_obo::toolkit::{Challenge, PROBLEM_TYPES, ProblemType};
use serde_json::{Value, json};

use crate::{WRITING, is_in, problem_types};

const DOCUMENT: &str = "docs/openapi.yaml";

/// Where metadata is, before the path of what it is about.
const METADATA: &str = "/.well-known/oauth-protected-resource";

const REQUEST_ID: &str = "6d4249ca-331c-47f7-8eaa-9615aef97d31";

/// What is at a path.
struct Resource {
    /// Begins the names of its problems.
    name: &'static str,
    /// What GET returns, in a phrase.
    summary: &'static str,
    is_protected: bool,
    parameters: &'static [&'static str],
    /// Responses of success: status, name, and headers besides those of all responses.
    responses: &'static [(u16, &'static str, &'static [&'static str])],
}

const PROFILE: Resource = Resource {
    name: "Profile",
    summary: "The profile of the signed-in person",
    is_protected: true,
    parameters: &["Select", "ClientRequestId", "Traceparent"],
    responses: &[(200, "Profile", &[])],
};
const PHOTO: Resource = Resource {
    name: "Photo",
    summary: "The photo of the signed-in person",
    is_protected: true,
    parameters: &["IfNoneMatch", "ClientRequestId", "Traceparent"],
    responses: &[(200, "Photo", &["ETag"]), (304, "PhotoNotModified", &[])],
};
const OF_METADATA: Resource = Resource {
    name: "Metadata",
    summary: "Where to get a token, and for which scopes (RFC 9728)",
    is_protected: false,
    parameters: &[],
    responses: &[(200, "Metadata", &[])],
};
const READINESS: Resource = Resource {
    name: "Readiness",
    summary: "Whether this instance can serve requests, as far as it knows, for load balancers",
    is_protected: false,
    parameters: &[],
    responses: &[(200, "Ready", &[])],
};
const PREFLIGHT: &str = "Preflight";

/// The resources at which a problem can occur; `PREFLIGHT` is the method `OPTIONS` of all of them.
fn occurs_at(code: &str) -> &'static [&'static str] {
    match code {
        "graph_rejected_request" => &["Profile"],
        "too_many_downloads" => &["Photo"],
        "not_found" => &["Metadata"],
        "not_ready" => &["Readiness"],
        "method_not_allowed" | "origin_not_allowed" => &[PREFLIGHT],
        "server_misconfigured" | "server_unavailable" | "request_timeout" => {
            &["Profile", "Photo", "Metadata", PREFLIGHT]
        }
        _ => &["Profile", "Photo"],
    }
}

/// The paths, each with the end of its operations' ids.
fn paths() -> Vec<(String, String, Resource)> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("spin.toml")).unwrap();
    let routes: Vec<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("route = \"")?.strip_suffix('"')).collect();
    let mut paths = Vec::new();
    for route in &routes {
        let (id, resource) = match *route {
            "/api/profile-get" => ("Profile", PROFILE),
            "/api/profile" => ("ProfileOfSample", PROFILE),
            "/api/profile-get/photo" => ("Photo", PHOTO),
            "/readyz" => ("Readiness", READINESS),
            other if other.strip_suffix("/...") == Some(METADATA) => continue,
            other => panic!("{DOCUMENT} does not know the route {other}"),
        };
        paths.push(((*route).to_owned(), id.to_owned(), resource));
    }
    let of_protected = paths.iter().filter(|(_, _, resource)| resource.is_protected);
    let mut metadata: Vec<_> = of_protected
        .map(|(path, id, _)| (format!("{METADATA}{path}"), format!("MetadataOf{id}"), OF_METADATA))
        .collect();
    metadata.insert(0, (METADATA.to_owned(), "Metadata".to_owned(), OF_METADATA));
    paths.extend(metadata);
    paths
}

/// The problems that can occur at a resource, by status.
fn problems(resource: &str) -> BTreeMap<u16, Vec<&'static ProblemType>> {
    let mut problems: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    for ((status, code), problem_type) in problem_types() {
        if occurs_at(code).contains(&resource) {
            problems.entry(status).or_default().push(problem_type);
        }
    }
    problems
}

/// The headers of problems that have the same status, besides those of all responses.
fn headers_of(status: u16, problems: &[&ProblemType]) -> Vec<&'static str> {
    let mut headers = Vec::new();
    // A code of this API that the core has too comes with the core's challenge where the core uses it.
    let of_core = |code| PROBLEM_TYPES.iter().find(|problem| problem.code == code);
    let has_challenge = |problem: &ProblemType| problem.challenge != Challenge::None;
    let with_challenge = problems.iter().filter(|problem| has_challenge(of_core(problem.code).unwrap_or(problem)));
    let with_challenge = with_challenge.count();
    if with_challenge == problems.len() {
        headers.push("WWW-Authenticate");
    } else if with_challenge > 0 {
        headers.push("WWW-Authenticate?");
    }
    match status {
        405 => headers.push("Allow"),
        429 | 503 => headers.push("Retry-After"),
        _ => {}
    }
    headers
}

fn write_headers(text: &mut String, indent: &str, headers: &[&str]) {
    let all = ["request-id", "client-request-id", "traceparent"];
    let _ = writeln!(text, "{indent}headers:");
    for header in all.iter().chain(headers) {
        // The question mark is for one that is not always there.
        let (name, suffix) = header.strip_suffix('?').map_or((*header, ""), |name| (name, "-sometimes"));
        let _ = writeln!(text, "{indent}  {name}: {{$ref: '#/components/headers/{name}{suffix}'}}");
    }
}

fn write_operation(text: &mut String, method: &str, id: &str, resource: &Resource) {
    let is_get = method == "get";
    let summary = if is_get { resource.summary } else { "The headers of GET" };
    let _ = writeln!(text, "    {method}:\n      operationId: {method}{id}\n      summary: {summary}");
    if !resource.is_protected {
        let _ = writeln!(text, "      security: []");
    }
    if !resource.parameters.is_empty() {
        let _ = writeln!(text, "      parameters:");
        for name in resource.parameters {
            let _ = writeln!(text, "      - $ref: '#/components/parameters/{name}'");
        }
    }
    let _ = writeln!(text, "      responses:");
    for (status, name, headers) in resource.responses {
        if is_get {
            let _ = writeln!(text, "        '{status}': {{$ref: '#/components/responses/{name}'}}");
        } else {
            let _ = writeln!(text, "        '{status}':\n          description: As of GET, without a body");
            write_headers(text, "          ", headers);
        }
    }
    for (status, problems) in problems(resource.name) {
        if is_get {
            let _ = writeln!(text, "        '{status}': {{$ref: '#/components/responses/{}{status}'}}", resource.name);
        } else {
            let _ = writeln!(text, "        '{status}':\n          description: As of GET, without a body");
            write_headers(text, "          ", &headers_of(status, &problems));
        }
    }
}

fn write_preflight(text: &mut String, id: &str) {
    let _ = writeln!(
        text,
        "    options:\n      operationId: preflight{id}\n      summary: A browser's preflight request, for origins in \
         `allowed_origins`\n      security: []\n      parameters:\n      - $ref: '#/components/parameters/Origin'\n      \
         - $ref: '#/components/parameters/AccessControlRequestMethod'\n      responses:\n        '204': {{$ref: \
         '#/components/responses/Preflight'}}"
    );
    for status in problems(PREFLIGHT).into_keys() {
        let _ = writeln!(text, "        '{status}': {{$ref: '#/components/responses/{PREFLIGHT}{status}'}}");
    }
}

#[test]
fn the_operations_are_those_of_the_routes() {
    let mut text = "paths:\n".to_owned();
    for (path, id, resource) in paths() {
        let _ = writeln!(text, "  {path}:");
        write_operation(&mut text, "get", &id, &resource);
        write_operation(&mut text, "head", &id, &resource);
        write_preflight(&mut text, &id);
    }
    is_in(DOCUMENT, "paths", &text);
}

/// A problem document, with the members that its code comes with.
fn example(problem_type: &ProblemType) -> Value {
    let status = problem_type.status;
    let mut document = json!({
        "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(), "code": problem_type.code,
        "detail": problem_type.detail, "request_id": REQUEST_ID,
    });
    let members = match problem_type.code {
        "claims_challenge" => json!({"claims": r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#}),
        "insufficient_scope" => json!({"scopes": "api://YOUR-CLIENT-ID/user_impersonation"}),
        "consent_required" => json!({
            "scopes": "https://graph.microsoft.com/User.Read",
            "consent_url": "https://login.microsoftonline.com/YOUR-TENANT-ID/oauth2/v2.0/authorize?client_id=YOUR-CLIENT-ID",
            "admin_consent_url": "https://login.microsoftonline.com/YOUR-TENANT-ID/v2.0/adminconsent?client_id=YOUR-CLIENT-ID",
        }),
        "graph_forbidden" => json!({"graph_error_code": "Authorization_RequestDenied", "graph_request_id": REQUEST_ID}),
        _ => json!({}),
    };
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}

#[test]
fn the_problems_are_those_of_the_table() {
    let mut text = String::new();
    let mut written = BTreeSet::new();
    for resource in ["Profile", "Photo", "Metadata", "Readiness", PREFLIGHT] {
        for (status, problems) in problems(resource) {
            let lines = problems.iter().map(|problem| format!("- `{}`: {}", problem.code, problem.detail));
            let description = Value::from(lines.collect::<Vec<_>>().join("\n"));
            let codes = Value::from(problems.iter().map(|problem| problem.code).collect::<Vec<_>>());
            let _ = writeln!(text, "    {resource}{status}:\n      description: {description}");
            write_headers(&mut text, "      ", &headers_of(status, &problems));
            let _ = writeln!(
                text,
                "      content:\n        application/problem+json:\n          schema:\n            allOf:\n            - $ref: \
                 '#/components/schemas/Problem'\n            - properties: {{status: {{const: {status}}}, code: {{enum: \
                 {codes}}}}}\n          examples:"
            );
            for problem in &problems {
                written.insert(problem.code);
                let _ = writeln!(text, "            {}: {{value: {}}}", problem.code, example(problem));
            }
        }
    }
    assert_eq!(written.len(), problem_types().len(), "a code is in no response");
    is_in(DOCUMENT, "problems", &text);
}

#[test]
fn what_the_document_refers_to_is_in_it() {
    let _writing = WRITING.lock();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT)).unwrap();
    let (_, components) = text.split_once("\ncomponents:\n").unwrap();
    assert!(text.contains(&format!("\n  version: {}\n", env!("CARGO_PKG_VERSION"))));
    // The sections are indented by two spaces, and what is in them by four.
    let mut section = "";
    let mut defined = BTreeSet::new();
    for line in components.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let name = line.trim_start().split(':').next().unwrap_or_default();
        match line.len() - line.trim_start().len() {
            2 => section = name,
            4 => _ = defined.insert(format!("#/components/{section}/{name}")),
            _ => {}
        }
    }
    let references: BTreeSet<String> =
        text.split("$ref: '").skip(1).map(|rest| rest.split('\'').next().unwrap().to_owned()).collect();
    let schemes = BTreeSet::from(["#/components/securitySchemes/entra".to_owned()]);
    assert_eq!(defined.difference(&schemes).cloned().collect::<BTreeSet<_>>(), references);
    assert!(text.contains("\nsecurity:\n- entra: ") && defined.is_superset(&schemes));
}
