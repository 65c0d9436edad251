use toml::Table;

use super::{App, audit};

const GUARDED: &str = r#"
[variables]
secret = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "entra"
[[trigger.http]]
route = { private = true }
component = "my-api"
[component.entra]
source = "entra.wasm"
key_value_stores = ["default"]
allowed_outbound_hosts = ["https://login.microsoftonline.com", "http://my-api.spin.internal"]
[component.entra.variables]
tenant_id = "t"
client_id = "c"
allowed_clients = ""
upstream = "http://my-api.spin.internal"
required_scope = "x"
forward_authorization = "on"
client_secret = "{{ secret }}"
[component.my-api]
allowed_outbound_hosts = ["http://entra.spin.internal"]
"#;

fn findings(manifest: &str) -> Vec<String> {
    findings_with(manifest, &[])
}

fn findings_with(manifest: &str, guards: &[&str]) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap();
    let guards: Vec<String> = guards.iter().map(|&guard| guard.to_owned()).collect();
    audit(&App::read(&manifest, &guards))
}

#[test]
fn a_guarded_app_has_nothing_to_report() {
    assert_eq!(findings(GUARDED), [""; 0]);
    for own in ["", "app", "components/entra", "examples/javascript", "examples/python", "examples/rust"] {
        let own = std::fs::read_to_string(crate::workspace::root().join(own).join("spin.toml")).unwrap();
        assert_eq!(findings(&own), [""; 0]);
    }
}

/// A sidecar of its own with a private route alone may issue application tokens.
#[test]
fn a_private_sidecar_may_issue_application_tokens() {
    let own = GUARDED.split_once("[component.entra]").unwrap().1.split_once("[component.my-api]").unwrap().0;
    let own = own.replace("component.entra", "component.sidecar");
    let own = own.replace("upstream = \"http://my-api.spin.internal\"", "application_tokens_for = \"graph\"");
    let route = "[[trigger.http]]\nroute = { private = true }\ncomponent = \"sidecar\"";
    let sidecar = format!("{route}\n[component.sidecar]{own}");
    assert_eq!(findings(&format!("{GUARDED}{sidecar}")), [""; 0]);
    // Spin answers by itself, puts no variables into the environment, and takes the implied port.
    let fixed = "[[trigger.http]]\nroute = \"/robots.txt\"\nstatic_response = { body = \"\" }\n";
    assert_eq!(
        findings(&format!("{GUARDED}[component.my-api.environment]\nKEY = \"{{{{ secret }}}}\"\n{fixed}")),
        [""; 0]
    );
    let with_port =
        GUARDED.replacen("upstream = \"http://my-api.spin.internal", "upstream = \"http://My-Api.spin.internal:80", 1);
    assert_eq!(findings(&with_port), [""; 0]);
    let off = GUARDED.replacen("required_scope", "application_tokens_for = \"\"\nrequired_scope", 1);
    assert_eq!(findings(&off), [""; 0]);
}

#[test]
fn a_guard_that_keeps_nothing_in_the_store_needs_none() {
    let without = GUARDED.replacen("key_value_stores = [\"default\"]\n", "", 1);
    assert_eq!(findings(&without.replacen("required_scope", "token_store_slots = \"0\"\nrequired_scope", 1)), [""; 0]);
    assert_ne!(findings(&without.replacen("required_scope", "token_store_slots = \"9\"\nrequired_scope", 1)), [""; 0]);
}

#[test]
fn each_hole_is_reported() {
    let with = |more: &str| format!("{GUARDED}{more}");
    let changed = |from: &str, to: &str| {
        assert!(GUARDED.contains(from));
        GUARDED.replacen(from, to, 1)
    };
    for (manifest, finding) in [
        (with("[[trigger.http]]\nroute = \"/admin\"\ncomponent = \"other\"\n"), "open: the route /admin reaches other"),
        (with("[[trigger.http]]\nroute = \"/api\"\ncomponent = \"my-api\"\n"), "bypass: my-api"),
        (changed("component = \"entra\"", "component = \"my-api\""), "idle: the guard entra is on no route"),
        (changed("route = \"/...\"", "route = { private = true }"), "on no public route"),
        (
            changed("required_scope", "application_tokens_for = \"graph\"\nrequired_scope"),
            "exposed: the guard entra issues application tokens, and is on the public route /...",
        ),
        (
            GUARDED.replace("http://my-api.spin.internal", "http://entra.spin.internal"),
            "loop: the guard entra forwards to the guard entra",
        ),
        (
            changed(", \"http://my-api.spin.internal\"", ""),
            "unreachable: the guard entra may not call http://my-api.spin.internal (upstream)",
        ),
        (
            changed("\"https://login.microsoftonline.com\", ", ""),
            "unreachable: the guard entra may not call https://login.microsoftonline.com (authority_host)",
        ),
        (
            changed("required_scope", "downstream_apis = \"a = https://a/v1 x; b = https://b x\"\nrequired_scope"),
            "unreachable: the guard entra may not call https://b (downstream_apis)",
        ),
        (
            changed("key_value_stores = [\"default\"]\n", "key_value_stores = [\"other\"]\n"),
            "unshared: entra may not open the store default",
        ),
        (changed("key_value_stores = [\"default\"]\n", ""), "unshared: entra may not open the store default"),
        (changed("component = \"my-api\"", "component = \"entra\""), "unreachable: my-api has no route"),
        (changed("[component.my-api]", "[component.another]"), "which is not a component"),
        (
            with("[component.my-api.variables]\nkey = \"x-{{ secret }}\"\n"),
            "secret: the code of my-api can read secret, as key",
        ),
        (
            changed("{{ secret }}", "s3cret") + "[component.my-api.environment]\nKEY = \"s3cret\"\n",
            "secret: the code of my-api can read the client_secret of entra, as KEY",
        ),
        (
            changed(
                "component = \"entra\"",
                "component = \"entra\"\ndependencies.middleware = [{ component = \"my-api\", inherit_configuration = true }]",
            ),
            "secret: the middleware my-api inherits the variables of entra",
        ),
        (
            changed(
                "component = \"entra\"",
                "component = \"my-api\"\ndependencies.middleware = [{ component = \"entra\" }]",
            ),
            "open: entra cannot be middleware of the route /...",
        ),
        // Not declared as a secret, but used as one, and a secret that is in the manifest itself.
        (
            GUARDED.replacen(", secret = true", "", 1) + "[component.my-api.variables]\nkey = \"{{ secret }}\"\n",
            "secret: the code of my-api can read secret, as key",
        ),
        (
            changed("{{ secret }}", "s3cret") + "[component.my-api.variables]\nkey = \"s3cret\"\n",
            "secret: the code of my-api can read the client_secret of entra, as key",
        ),
        (
            with(
                "[[trigger.http]]\nroute = \"/x\"\ncomponent = { source = \"x.wasm\", variables = { key = \"{{ secret }}\" } }\n",
            ),
            "secret: the code of the component of /x can read secret, as key",
        ),
        (
            with("[[trigger.http]]\nroute = \"/x\"\ncomponent = { source = \"x.wasm\" }\n"),
            "open: the route /x reaches the component of /x",
        ),
        (
            GUARDED.replace("http://my-api.spin.internal", "http://my-api.spin.internal:80")
                + "[[trigger.http]]\nroute = \"/api\"\ncomponent = \"my-api\"\n",
            "bypass: my-api",
        ),
        (
            changed("client_secret", "allowed_client = \"a\"\nclient_secret"),
            "unknown: allowed_client is not a setting of entra",
        ),
        // Nothing else shows that it is a guard.
        (
            changed("forward_authorization", "forward_authorisation").replace("entra.wasm", "x.wasm"),
            "open: the route /... reaches entra",
        ),
        (changed("forward_authorization", "forward_authorisation"), "missing: entra has no forward_authorization"),
        (changed("allowed_clients", "allowed_client"), "missing: entra has no allowed_clients"),
        (changed("required_scope = \"x\"\n", ""), "missing: entra has no required_scope"),
        (changed("client_secret", "clientsecret"), "missing: entra has no client_secret"),
        (
            changed("component = \"entra\"", "component = \"entra\"\ncomponents.middleware = [\"x\"]"),
            "ignored: Spin reads",
        ),
    ] {
        let found = findings(&manifest);
        assert!(found.iter().any(|found| found.contains(finding)), "{finding}: {found:?}");
    }
}

#[test]
fn middleware_is_a_guard_if_it_is_known_as_one() {
    let manifest = "[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\ndependencies.middleware = [{ component = \"jwt\" }]\n\
                    [component.a]\n[component.jwt]\n";
    assert_eq!(
        findings(manifest),
        ["open: the route / reaches a with no known guard in its middleware (jwt); if one of these decides who may \
             call, name it with --guard"]
    );
    let found = findings_with(manifest, &["jwt"]);
    assert!(!found.iter().any(|found| found.starts_with("open")), "{found:?}");
    let by_path = manifest.replace("component = \"jwt\"", "path = \"jwt.wasm\"");
    let found = findings_with(&by_path, &["jwt.wasm"]);
    assert!(!found.iter().any(|found| found.starts_with("open")), "{found:?}");
}

#[test]
fn what_is_open_on_purpose_is_listed() {
    let manifest = GUARDED.replacen("required_scope", "public_paths = \"/health /docs/*\"\nrequired_scope", 1);
    let manifest: Table = manifest.parse().unwrap();
    let app = App::read(&manifest, &[]);
    assert_eq!(audit(&app), [""; 0]);
    let expected = "public: entra lets anyone reach /health /docs/* of http://my-api.spin.internal (public_paths)";
    assert_eq!(app.public_paths(), [expected]);
}
