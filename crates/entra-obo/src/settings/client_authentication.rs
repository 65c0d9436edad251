//! The settings of which a [`ClientAuthentication`] is made.

use http::HeaderValue;
use uuid::Uuid;

use crate::{
    credential::{
        client_authentication::ClientAuthentication, managed_identity::ManagedIdentity, token_file::TokenFile,
    },
    policy::Policy,
    settings::{address, ids::guid, reader::Reader},
};

/// The setting that chooses.
pub const CLIENT_CREDENTIAL: &str = "client_credential";

/// The names of the settings that matter only if the credential is not `clientsecret`.
pub const NAMES: [&str; 4] = ["federated_token_file", "identity_endpoint", "identity_header", "identity_client_id"];

/// The choice, as [`CLIENT_CREDENTIAL`] names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Secret,
    TokenFile,
    ManagedIdentity,
}

/// Whether the credential is the one that has no further settings: the secret or certificate in `clientsecret`.
#[must_use]
pub fn is_clientsecret(reader: &Reader) -> bool {
    reader.value(CLIENT_CREDENTIAL).is_some_and(|text| choice(text) == Ok(Choice::Secret))
}

/// How this API proves itself to Entra, as the operator has set it. `policy` is missing where that has faults of its own.
pub fn client_authentication(reader: &mut Reader, policy: Option<&Policy>) -> Option<ClientAuthentication> {
    match reader.parse(CLIENT_CREDENTIAL, choice)? {
        Choice::Secret => Some(ClientAuthentication::Secret),
        Choice::TokenFile => {
            let path = reader.parse("federated_token_file", path)?;
            Some(ClientAuthentication::TokenFile(TokenFile::new(path)))
        }
        Choice::ManagedIdentity => {
            let endpoint = reader.parse("identity_endpoint", address::identity_endpoint);
            let header = reader.parse("identity_header", header);
            let id = reader.parse("identity_client_id", |text| identity(text, policy.map(|policy| policy.client_id)));
            let (endpoint, header) = (endpoint?, header?);
            let identity = match header {
                Some(header) => ManagedIdentity::of_app(endpoint, header),
                None => ManagedIdentity::of_machine(endpoint),
            };
            let audience = address::token_exchange(&policy?.authority_host);
            Some(ClientAuthentication::ManagedIdentity(identity.with_client_id(id?).with_audience(audience)))
        }
    }
}

fn choice(text: &str) -> Result<Choice, String> {
    match text {
        "clientsecret" => Ok(Choice::Secret),
        "token_file" => Ok(Choice::TokenFile),
        "managed_identity" => Ok(Choice::ManagedIdentity),
        "secret" | "certificate" => {
            Err("is not a source; set clientsecret, which holds a client secret or a certificate".to_owned())
        }
        _ => Err("is none of clientsecret, token_file and managed_identity; set one of them".to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty; set the path of the token's file, as the component sees it".to_owned());
    }
    if text.starts_with("eyJ") {
        return Err("is a token itself; set the path of the file that holds it".to_owned());
    }
    if !text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return Err(
            "is not an absolute path without ..; set the path of the token's file, as the component sees it".to_owned()
        );
    }
    if text.ends_with('/') {
        return Err("is the path of a folder; add the name of the token's file".to_owned());
    }
    Ok(text.to_owned())
}

fn header(text: &str) -> Result<Option<HeaderValue>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    HeaderValue::from_str(text)
        .map(Some)
        .map_err(|_| "cannot be sent in a header; set the IDENTITY_HEADER of this app's environment".to_owned())
}

fn identity(text: &str, client_id: Option<Uuid>) -> Result<Option<Uuid>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match guid(text)? {
        id if id.is_nil() => Err("is the GUID of zeros, a placeholder; set a real id or remove it".to_owned()),
        id if Some(id) == client_id => Err("is this API's own client id; set that of the managed identity".to_owned()),
        id => Ok(Some(id)),
    }
}

#[cfg(test)]
mod tests {
    use uuid::{Uuid, uuid};

    use super::{CLIENT_CREDENTIAL, NAMES, client_authentication, is_clientsecret};
    use crate::{
        credential::{
            client_authentication::ClientAuthentication, managed_identity::ManagedIdentity, token_file::TokenFile,
        },
        policy::{GLOBAL_AUTHORITY, Policy, Tenancy},
        settings::reader::Reader,
    };

    const CLIENT: Uuid = uuid!("22222222-2222-4222-8222-222222222222");
    const IDENTITY: &str = "33333333-3333-4333-8333-333333333333";
    const MACHINE: &str = "http://169.254.169.254";

    fn parsed(values: &[(&'static str, &str)]) -> Result<ClientAuthentication, String> {
        parsed_in(GLOBAL_AUTHORITY, values)
    }

    fn parsed_in(authority_host: &str, values: &[(&'static str, &str)]) -> Result<ClientAuthentication, String> {
        let mut reader = Reader::default();
        for name in NAMES.into_iter().chain([CLIENT_CREDENTIAL]) {
            let value = values.iter().find(|(set, _)| *set == name).map_or("", |(_, value)| value);
            reader.insert(name, Ok(value.to_owned()));
        }
        let mut policy = Policy::new(Tenancy::Single(CLIENT), CLIENT, Vec::new());
        policy.authority_host = authority_host.to_owned();
        let authentication = client_authentication(&mut reader, Some(&policy));
        reader.finish(authentication).map_err(|faults| faults.to_string())
    }

    #[test]
    fn each_source_has_its_settings() {
        let secret = [(CLIENT_CREDENTIAL, "clientsecret"), ("federated_token_file", "x"), ("identity_endpoint", "x")];
        assert_eq!(parsed(&secret), Ok(ClientAuthentication::Secret));
        let file = [(CLIENT_CREDENTIAL, "token_file"), ("federated_token_file", "/tokens/token")];
        assert_eq!(parsed(&file), Ok(ClientAuthentication::TokenFile(TokenFile::new("/tokens/token"))));

        let machine = ManagedIdentity::of_machine(MACHINE);
        let app = |endpoint: &str| ManagedIdentity::of_app(endpoint, "header-value".parse().unwrap());
        for (endpoint, header, id, identity) in [
            (MACHINE, "", "", machine.clone()),
            ("http://169.254.169.254/", "", "", machine.clone()),
            (MACHINE, "", IDENTITY, machine.with_client_id(Some(IDENTITY.parse().unwrap()))),
            ("http://localhost:42356", "header-value", "", app("http://localhost:42356")),
            ("http://127.0.0.1:41741", "header-value", "", app("http://127.0.0.1:41741")),
            ("http://172.16.0.5:8081", "header-value", "", app("http://172.16.0.5:8081")),
        ] {
            let values = [
                (CLIENT_CREDENTIAL, "managed_identity"),
                ("identity_endpoint", endpoint),
                ("identity_header", header),
                ("identity_client_id", id),
            ];
            assert_eq!(
                parsed(&values),
                Ok(ClientAuthentication::ManagedIdentity(identity)),
                "{endpoint} {header} {id}"
            );
        }
        for (authority_host, audience) in [
            ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
            ("https://login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"),
            ("https://login.example", "api://AzureADTokenExchange"),
        ] {
            let values = [(CLIENT_CREDENTIAL, "managed_identity"), ("identity_endpoint", MACHINE)];
            let identity = ManagedIdentity::of_machine(MACHINE).with_audience(audience);
            assert_eq!(parsed_in(authority_host, &values), Ok(ClientAuthentication::ManagedIdentity(identity)));
        }
        let printed = format!("{:?}", app(MACHINE));
        assert!(!printed.contains("header-value"), "{printed}");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let choice = |value| parsed(&[(CLIENT_CREDENTIAL, value)]);
        let file = |value| parsed(&[(CLIENT_CREDENTIAL, "token_file"), ("federated_token_file", value)]);
        let with = |name, value| {
            let endpoint = if name == "identity_endpoint" { value } else { MACHINE };
            parsed(&[(CLIENT_CREDENTIAL, "managed_identity"), (name, value), ("identity_endpoint", endpoint)])
        };
        for (outcome, words) in [
            (choice(""), "client_credential: is none of"),
            (choice("file"), "client_credential: is none of"),
            (choice("Managed_Identity"), "client_credential: is none of"),
            (choice("certificate"), "set clientsecret"),
            (file(""), "federated_token_file: is empty"),
            (file("eyJhbGciOiJSUzI1NiJ9.e30.AAAA"), "is a token itself"),
            (file("tokens/token"), "is not an absolute path"),
            (file("/tokens/../token"), "is not an absolute path"),
            (file("/tokens/"), "is the path of a folder"),
            (with("identity_endpoint", ""), "identity_endpoint: is empty"),
            (with("identity_endpoint", "http://localhost:42356/msi/token"), "without its path"),
            (with("identity_endpoint", "http://192.0.2.1"), "is http"),
            (with("identity_endpoint", "http://identity.example"), "is http"),
            (with("identity_endpoint", "169.254.169.254"), "has no https://"),
            (with("identity_header", "a\tb"), "identity_header: has a line break or a tab"),
            (with("identity_client_id", "profile-get"), "identity_client_id: is not a GUID"),
            (with("identity_client_id", &Uuid::nil().to_string()), "GUID of zeros"),
            (with("identity_client_id", &CLIENT.to_string()), "this API's own client id"),
        ] {
            let faults = outcome.unwrap_err();
            assert!(faults.contains(words) && !faults.contains("; identity"), "{words}: {faults}");
        }
    }

    #[test]
    fn only_clientsecret_needs_no_further_settings() {
        for (value, is) in [("clientsecret", true), ("token_file", false), ("managed_identity", false), ("", false)] {
            let mut reader = Reader::default();
            reader.insert(CLIENT_CREDENTIAL, Ok(value.to_owned()));
            assert_eq!(is_clientsecret(&reader), is, "{value}");
        }
        assert!(!is_clientsecret(&Reader::default()));
    }
}
