use std::collections::BTreeMap;

use super::ApiSettings;
use entra_obo::{
    Tenancy,
    host::VariableUnavailable,
    settings::{
        fault::{NO_ANSWER, SettingFault, SettingsFaults},
        reader::Reader,
    },
};

pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
const OTHER: &str = "33333333-3333-4333-8333-333333333333";

fn parse(changes: &[(&'static str, &str)]) -> Result<ApiSettings, SettingsFaults> {
    super::parse(reader(changes))
}

fn reader(changes: &[(&'static str, &str)]) -> Reader {
    let mut reader = Reader::default();
    let defaults = [
        ("tenant_id", TENANT),
        ("client_id", CLIENT),
        ("client_credential", "clientsecret"),
        ("application_id_uris", ""),
        ("authority_host", "https://login.microsoftonline.com"),
        ("graph_url", "https://graph.microsoft.com"),
        ("required_scope", "user_impersonation"),
        ("graph_scopes", "https://graph.microsoft.com/User.Read"),
        ("allowed_tenants", ""),
        ("allowed_clients", ""),
        ("allowed_origins", ""),
        ("request_timeout", "20"),
        ("token_store_slots", "4096"),
        ("server_timing", "off"),
    ];
    for (name, value) in defaults.iter().chain(changes) {
        reader.insert(name, Ok((*value).to_owned()));
    }
    reader
}

pub(crate) fn with(changes: &[(&'static str, &str)]) -> ApiSettings {
    parse(changes).unwrap()
}

/// The fault of the one setting that has one.
#[track_caller]
fn fault(name: &'static str, value: &str, others: &[(&'static str, &str)]) -> String {
    let changes: Vec<_> = others.iter().copied().chain([(name, value)]).collect();
    let Err(faults) = parse(&changes) else { panic!("{name} = {value:?} is accepted") };
    assert_eq!(faults.0.keys().copied().collect::<Vec<_>>(), [name], "{value:?}: {faults}");
    match &faults.0[name] {
        SettingFault::Wrong(words) => words.clone(),
        SettingFault::Unreadable(reason) => panic!("{name} = {value:?}: {reason}"),
    }
}

#[test]
fn good_values_pass() {
    let settings = with(&[("authority_host", "http://127.0.0.1:8080/"), ("graph_url", "http://localhost:9")]);
    assert_eq!(settings.policy.authority_host, "http://127.0.0.1:8080");
    assert_eq!(settings.policy.tenancy.authority_segment(), TENANT);
    let several = with(&[
        ("tenant_id", "organizations"),
        ("allowed_tenants", &format!("{TENANT}, {OTHER}")),
        ("required_scope", "one two"),
        ("allowed_origins", "https://a.example http://localhost:3000"),
    ]);
    assert!(matches!(&several.policy.tenancy, Tenancy::Several { allowed, .. } if allowed.len() == 2));
    assert_eq!(several.policy.required_scopes, ["one", "two"]);
    assert_eq!(several.allowed_origins.len(), 2);
    // A single-page application may share the API's registration.
    assert_eq!(with(&[("allowed_clients", CLIENT)]).policy.allowed_clients.len(), 1);
}

#[test]
fn addresses_are_taken_in_any_form_that_means_the_same() {
    for (text, normal) in [
        ("https://login.microsoftonline.com:443", "https://login.microsoftonline.com"),
        ("https://LOGIN.MicrosoftOnline.com/", "https://login.microsoftonline.com"),
        ("https://login.example:8443", "https://login.example:8443"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://10.0.0.7", "https://10.0.0.7"),
    ] {
        assert_eq!(with(&[("authority_host", text)]).policy.authority_host, normal, "{text}");
    }
    for (authority_host, graph_url, graph_scopes) in [
        ("https://login.microsoftonline.us", "https://graph.microsoft.us", "https://graph.microsoft.us/User.Read"),
        (
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
            "https://dod-graph.microsoft.us/User.Read",
        ),
        (
            "https://login.partner.microsoftonline.cn",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn/.default",
        ),
        ("https://contoso.ciamlogin.com", "https://graph.microsoft.com", "User.Read openid profile"),
        ("https://login.example", "https://graph.example", "https://graph.example/User.Read"),
        ("https://login.example", "https://graph.example", "https://graph.microsoft.us/User.Read"),
        ("https://login.windows.net", "https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000/.default"),
        (
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
            "https://graph.microsoft.com//User.Read Mail.Read",
        ),
    ] {
        let settings =
            with(&[("authority_host", authority_host), ("graph_url", graph_url), ("graph_scopes", graph_scopes)]);
        assert_eq!(settings.graph.scopes(), graph_scopes);
    }
}

#[test]
fn each_bad_value_is_named_with_what_to_set() {
    let several = [("tenant_id", "organizations"), ("allowed_tenants", TENANT)];
    let nil = "00000000-0000-0000-0000-000000000000";
    let us = [("authority_host", "https://login.microsoftonline.us")];
    let cases = [
        ("tenant_id", "", "copy the Directory (tenant) ID"),
        ("tenant_id", " 11111111-1111-4111-8111-111111111111", "spaces or line breaks around it"),
        ("tenant_id", "11111111-1111-4111-8111-111111111111\n", "spaces or line breaks around it"),
        ("tenant_id", "\"11111111-1111-4111-8111-111111111111\"", "quotation marks"),
        ("tenant_id", "\u{feff}11111111-1111-4111-8111-111111111111", "invisible"),
        ("tenant_id", "11111111-1111-4111-8111-111111111111\u{200b}", "invisible"),
        ("tenant_id", "11111111-1111\u{2010}4111-8111-111111111111", "not printable ASCII"),
        ("tenant_id", nil, "placeholder"),
        ("tenant_id", "aaaabbbb-0000-cccc-1111-dddd2222eeee", "placeholder"),
        ("tenant_id", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "placeholder"),
        ("tenant_id", "<tenant-id>", "placeholder"),
        ("tenant_id", "${TENANT_ID}", "placeholder"),
        ("tenant_id", "{{ tenant_id }}", "placeholder"),
        ("tenant_id", "YOUR-TENANT", "placeholder"),
        ("tenant_id", "contoso", "not a GUID"),
        ("tenant_id", "contoso.onmicrosoft.com", "domain name"),
        ("tenant_id", "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111", "is a URI"),
        ("tenant_id", "organizations", "allowed_tenants must list"),
        ("tenant_id", "consumers", "personal Microsoft accounts"),
        ("tenant_id", "9188040d-6c67-4c5b-b112-36a304b66dad", "personal Microsoft accounts"),
        ("tenant_id", "{11111111-1111-4111-8111-11111111111}", "not a GUID"),
        ("client_id", "22222222222242228222222222222222", "not a GUID"),
        ("client_id", "22222222-2222-4222-8222-22222222222g", "not a GUID"),
        ("client_id", "api://22222222-2222-4222-8222-222222222222", "is a URI"),
        ("client_id", nil, "placeholder"),
        ("client_id", TENANT, "same as tenant_id"),
        ("client_id", "00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI"),
        ("application_id_uris", OTHER, "not a URI"),
        ("application_id_uris", "spn:22222222-2222-4222-8222-222222222222", "not a URI"),
        ("application_id_uris", "profile-api", "not a URI"),
        ("application_id_uris", "api:", "no // after its scheme"),
        ("application_id_uris", "api://", "nothing after its scheme"),
        ("application_id_uris", "api://33333333-3333-4333-8333-333333333333", "another application"),
        (
            "application_id_uris",
            "api://tab.contoso.example/33333333-3333-4333-8333-333333333333",
            "another application",
        ),
        ("application_id_uris", "https://graph.microsoft.com", "Microsoft Graph"),
        ("application_id_uris", "https://graph.microsoft.com/", "Microsoft Graph"),
        ("application_id_uris", "https://contoso.com/productsapi", "host of an example"),
        ("application_id_uris", "api://*.contoso.example", "wildcard"),
        ("application_id_uris", "https://contoso.example/\"x", "a character that a URI cannot have"),
        ("application_id_uris", "https://contoso.example/api/user_impersonation", "ends with the name of a scope"),
        ("application_id_uris", "https://a.example/b https://a.example/b", "item 2 repeats"),
        ("application_id_uris", &format!("https://contoso.example/{}", "x".repeat(240)), "255"),
        ("authority_host", "login.microsoftonline.com", "no https://"),
        ("authority_host", "http://login.microsoftonline.com", "use https"),
        ("authority_host", "HTTPS://login.microsoftonline.com", "capital letters"),
        ("authority_host", "https://login.microsoftonline.com/tenant", "has a path"),
        ("authority_host", "https://login.microsoftonline.com/v2.0", "has a path"),
        ("authority_host", "https://login.microsoftonline.com//", "has a path"),
        ("authority_host", "https://user@login.microsoftonline.com", "user name"),
        ("authority_host", "https://login.microsoftonline.com?x", "has a path or more"),
        ("authority_host", "https://login.microsoftonline.com:", "no valid port"),
        ("authority_host", "https://login.microsoftonline.com:0", "port 0"),
        ("authority_host", "https://login.microsoftonline.com:99999", "no valid port"),
        ("authority_host", "https://login.microsoftonline.com.", "no host that can be read"),
        ("authority_host", "https://*.microsoftonline.com", "wildcard"),
        ("authority_host", "https://*", "wildcard"),
        ("authority_host", "https://login.example.com", "host of an example"),
        ("authority_host", "https://your-tenant.ciamlogin.com", "host of an example"),
        ("authority_host", "http://127.0.0.1.example", "use https"),
        ("authority_host", "ftp://127.0.0.1", "does not begin with https://"),
        ("authority_host", "https://graph.microsoft.com", "address of Microsoft Graph"),
        ("graph_url", "", "is empty"),
        ("graph_url", "https://", "no host that can be read"),
        ("graph_url", "https://graph.microsoft.com ", "spaces"),
        ("graph_url", "https://graph.microsoft.com/v1.0", "has a path"),
        ("graph_url", "https://graph.microsoft.com/v1.0/me", "has a path"),
        ("graph_url", "https://login.microsoftonline.com", "address of the sign-in"),
        ("graph_url", "https://graph.windows.net", "retired"),
        (
            "graph_url",
            "https://graph.microsoft.us",
            "another cloud than authority_host; with that, set https://graph.microsoft.com",
        ),
        ("required_scope", "", "is empty"),
        ("required_scope", "a\"b", "not a scope"),
        ("required_scope", ".default", ".default"),
        ("required_scope", "api://22222222-2222-4222-8222-222222222222/.default", ".default"),
        ("required_scope", "api://22222222-2222-4222-8222-222222222222/", "not a scope"),
        ("required_scope", "api://33333333-3333-4333-8333-333333333333/access_as_user", "prefix of another API"),
        ("required_scope", "33333333-3333-4333-8333-333333333333/access_as_user", "prefix of another API"),
        ("required_scope", "https://graph.microsoft.com/User.Read", "prefix of another API"),
        ("required_scope", "User.Read", "permission of Microsoft Graph"),
        ("required_scope", "User.ReadBasic.All", "permission of Microsoft Graph"),
        ("required_scope", "user_impersonation openid", "OpenID Connect"),
        ("required_scope", "offline_access", "OpenID Connect"),
        ("required_scope", "one,two,one", "item 3 repeats"),
        ("required_scope", "one\ntwo", "line break"),
        ("required_scope", &"x".repeat(121), "120"),
        ("graph_scopes", "", "is empty"),
        ("graph_scopes", "User.Read offline_access", "offline_access"),
        ("graph_scopes", "openid profile", "only scopes of OpenID Connect"),
        ("graph_scopes", "https://graph.microsoft.com/.default User.Read", ".default"),
        ("graph_scopes", "User.Read api://33333333-3333-4333-8333-333333333333/x", "item 2 is of another API"),
        ("graph_scopes", "https://outlook.office.com/Mail.Read", "another API than Microsoft Graph"),
        ("graph_scopes", "https://graph.microsoft.us/User.Read", "another cloud than graph_url"),
        ("graph_scopes", "graph.microsoft.com/User.Read", "another API than Microsoft Graph"),
        ("graph_scopes", "https://graph.microsoft.com/", "no name after"),
        ("allowed_tenants", TENANT, "organizations or common only"),
        ("allowed_clients", "client", "not a GUID"),
        ("allowed_clients", nil, "placeholder"),
        ("allowed_clients", TENANT, "directory's id"),
        ("allowed_clients", &format!("{OTHER} {OTHER}"), "item 2 repeats"),
        ("allowed_origins", "*", "is *"),
        ("allowed_origins", "null", "is null"),
        ("allowed_origins", "https://a.example/", "slash at its end"),
        ("allowed_origins", "https://a.example/app", "has a path"),
        ("allowed_origins", "https://A.example", "lower case"),
        ("allowed_origins", "https://a.example:443", "default port"),
        ("allowed_origins", "http://localhost:80", "default port"),
        ("allowed_origins", "http://a.example", "use https"),
        ("allowed_origins", "https://*.a.example", "wildcard"),
        ("allowed_origins", "https://app.example.com", "host of an example"),
        ("allowed_origins", "a.example", "no https://"),
        ("allowed_origins", "https://a.example https://a.example", "item 2 repeats"),
        ("request_timeout", "0", "from 1 to 120"),
        ("request_timeout", "1.5", "from 1 to 120"),
        ("request_timeout", "+20", "from 1 to 120"),
        ("request_timeout", "020", "from 1 to 120"),
        ("request_timeout", "20s", "from 1 to 120"),
        ("token_store_slots", "-1", "from 0 to"),
        ("token_store_slots", "65,536", "from 0 to"),
        ("token_store_slots", "65_536", "from 0 to"),
        ("token_store_slots", "10000001", "from 0 to"),
        ("server_timing", "true", "neither on nor off"),
        ("server_timing", "On", "neither on nor off"),
    ];
    for (name, value, words) in cases {
        let fault = fault(name, value, &[]);
        assert!(fault.contains(words), "{name} = {value:?}: {fault}");
    }
    for (name, value, others, words) in [
        ("allowed_tenants", nil, &several[..1], "placeholder"),
        ("allowed_tenants", "common", &several[..1], "means many directories"),
        ("allowed_tenants", "contoso.example", &several[..1], "not a GUID"),
        ("allowed_tenants", &format!("{TENANT} {TENANT}"), &several[..1], "item 2 repeats"),
        ("graph_url", "https://graph.microsoft.com", &us[..], "with that, set https://graph.microsoft.us"),
    ] {
        let fault = fault(name, value, others);
        assert!(fault.contains(words), "{name} = {value:?}: {fault}");
    }
}

#[test]
fn scopes_and_uris_may_be_written_as_clients_write_them() {
    let teams = format!("api://tab.contoso.example/{CLIENT}");
    for (uris, written, name, asked) in [
        ("", "access_as_user".to_owned(), "access_as_user", format!("api://{CLIENT}/access_as_user")),
        ("", format!("api://{CLIENT}/access_as_user"), "access_as_user", format!("api://{CLIENT}/access_as_user")),
        ("", format!("{CLIENT}/access_as_user"), "access_as_user", format!("api://{CLIENT}/access_as_user")),
        ("", format!("api://{CLIENT}/User.Read"), "User.Read", format!("api://{CLIENT}/User.Read")),
        ("", "files/read".to_owned(), "files/read", format!("api://{CLIENT}/files/read")),
        (&teams, format!("{teams}/access_as_user"), "access_as_user", format!("{teams}/access_as_user")),
        (&teams, format!("api://{CLIENT}/access_as_user"), "access_as_user", format!("{teams}/access_as_user")),
        ("urn:contoso:profile", "read".to_owned(), "read", "urn:contoso:profile/read".to_owned()),
    ] {
        let settings = with(&[("application_id_uris", uris), ("required_scope", &written)]);
        assert_eq!(
            (settings.policy.required_scopes.clone(), settings.policy.scopes_to_request()),
            (vec![name.to_owned()], asked),
            "{written}"
        );
    }
    let several = with(&[("required_scope", "one, two")]);
    assert_eq!(several.policy.scopes_to_request(), format!("api://{CLIENT}/one api://{CLIENT}/two"));
    for uri in [
        format!("api://{CLIENT}"),
        format!("api://{OTHER}/{CLIENT}"),
        format!("api://{OTHER}/profile"),
        "api://contoso.example/profile".to_owned(),
        "https://contoso.example/profile-api".to_owned(),
        "https://profile.contoso.example/".to_owned(),
        "https://contoso.onmicrosoft.com/profile".to_owned(),
        format!("https://contoso.example/{}", "x".repeat(231)),
    ] {
        assert_eq!(with(&[("application_id_uris", &uri)]).policy.application_id_uris, [uri]);
    }
}

#[test]
fn no_value_is_in_the_words_about_it() {
    let secret = "Abc8Q~secret-in-the-wrong-place";
    for (name, value) in [
        ("tenant_id", secret),
        ("client_id", secret),
        ("application_id_uris", secret),
        ("authority_host", secret),
        ("graph_url", secret),
        ("required_scope", "good \"Abc8Q~secret-in-the-wrong-place"),
        ("allowed_clients", "22222222-2222-4222-8222-222222222222, Abc8Q~secret-in-the-wrong-place"),
        ("allowed_origins", secret),
        ("request_timeout", secret),
        ("token_store_slots", secret),
        ("server_timing", secret),
    ] {
        let text = parse(&[(name, value)]).unwrap_err().to_string();
        assert!(text.starts_with(name) && !text.contains(secret), "{text}");
    }
    let text = parse(&[("allowed_clients", &format!("{CLIENT}, {secret}"))]).unwrap_err().to_string();
    assert!(text.contains("item 2 is not a GUID"), "{text}");
}

#[test]
fn a_variable_that_could_not_be_read_is_blamed_alone() {
    let parse = |unreadable, changes: &[(&'static str, &str)]| {
        let mut values = reader(changes);
        values.insert(unreadable, Err(VariableUnavailable::Unreadable("no provider".to_owned())));
        super::parse(values).unwrap_err()
    };
    for faults in [
        parse("client_id", &[("required_scope", &format!("api://{OTHER}/x"))]),
        parse("client_id", &[("application_id_uris", &format!("api://{OTHER}"))]),
        parse("application_id_uris", &[("required_scope", &format!("api://{OTHER}/x"))]),
        parse("allowed_tenants", &[("tenant_id", "organizations")]),
        parse("tenant_id", &[("allowed_tenants", TENANT)]),
        parse("authority_host", &[("graph_url", "https://graph.microsoft.us"), ("graph_scopes", "User.Read")]),
        parse("graph_url", &[("graph_scopes", "https://graph.example/User.Read")]),
    ] {
        assert!(faults.0.len() == 1 && faults.may_pass(), "{faults}");
    }
    assert!(!parse("client_id", &[("graph_url", "")]).may_pass());
}

#[test]
fn words_about_an_unreadable_variable_say_where_to_look() {
    let words = |name: &'static str, reason: &str| {
        let unreadable = SettingFault::Unreadable(reason.to_owned());
        SettingsFaults(BTreeMap::from([(name, unreadable)])).to_string()
    };
    let vault = "Failed to read variable from Azure Key Vault";
    assert!(words("tenant_id", vault).contains("put it in the static provider"));
    assert!(words("clientsecret", vault).contains("Key Vault Secrets User"));
    assert!(words("clientsecret", vault).contains("cannot be reached"));
    assert!(words("tenant_id", NO_ANSWER).contains("check vault_url"));
    assert!(words("tenant_id", "undefined").contains("set it, or fix the provider"));
}

#[test]
fn all_faults_are_reported_together() {
    let faults = parse(&[("client_id", "x"), ("graph_url", "y"), ("request_timeout", "z")]).unwrap_err();
    assert_eq!(faults.0.len(), 3);
    let text = faults.to_string();
    assert!(text.contains("client_id: ") && text.contains("graph_url: ") && text.contains("request_timeout: "));
}
