use super::audit;

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
    audit(&manifest.parse().unwrap(), &[])
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
            with("[component.my-api.environment]\nKEY = \"{{secret}}\"\n"),
            "secret: the code of my-api can read secret, as KEY",
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
fn middleware_is_a_guard() {
    let manifest = "[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\ndependencies.middleware = [{ component = \"jwt\" }]\n\
                    [component.a]\n[component.jwt]\n";
    assert_eq!(findings(manifest), [""; 0]);
}
