//! Texts that people, portals and pipelines set in the place of a secret.

use crate::{
    layers,
    not_a_secret::{JsonMember, NotASecret},
};

/// How references to secrets begin: Azure App Service, Azure Container Apps, mounted files. Anything with `://` is one
/// too.
const REFERENCES: [&str; 8] = [
    "@Microsoft.KeyVault(",
    "keyvaultref:",
    "secretref:",
    "vault:secret/",
    "/run/secrets/",
    "/var/run/",
    "/mnt/secrets",
    "/etc/secrets",
];

/// What surrounds the name of a variable in a template: shells, Azure Pipelines, GitHub, Helm and Spin, Octopus.
const TEMPLATES: [(&str, &str); 7] =
    [("${", "}"), ("$(", ")"), ("{{", "}}"), ("#{", "}"), ("#{", "}#"), ("((", "))"), ("$env:", "")];

/// Texts that are never a secret.
const NO_VALUES: [&str; 10] = [
    "clientsecret",
    "client_secret",
    "null",
    "(null)",
    "none",
    "undefined",
    "{}",
    "[]",
    "[object object]",
    "system.security.securestring",
];

/// Words that make a text a placeholder. No word of this list or the next consists of others.
const TELLING_WORDS: [&str; 18] = [
    "your",
    "change",
    "replace",
    "insert",
    "enter",
    "paste",
    "fill",
    "todo",
    "tbd",
    "fixme",
    "placeholder",
    "dummy",
    "example",
    "sample",
    "here",
    "goes",
    "please",
    "xx",
];

/// Words that may accompany them.
const OTHER_WORDS: [&str; 26] = [
    "ad",
    "api",
    "app",
    "application",
    "azure",
    "client",
    "credential",
    "entra",
    "generated",
    "id",
    "in",
    "it",
    "key",
    "me",
    "microsoft",
    "my",
    "of",
    "password",
    "put",
    "registration",
    "secret",
    "string",
    "the",
    "this",
    "value",
    "with",
];

/// What JSON is about.
pub(crate) enum JsonOf {
    Key,
    Secret(JsonMember),
}

/// JSON, whole or cut off: an object, or an array of objects or texts, also in the quotation marks of a shell.
pub(crate) fn json_of(layer: &[u8]) -> Option<JsonOf> {
    let text = layers::as_text(layer)?.replace("\\\"", "\"");
    let text = layers::bare(&text);
    let is_object = |text: &str| {
        text.strip_prefix('{').is_some_and(|inner| inner.trim_start().starts_with('"'))
            && text.split('"').skip(1).any(|rest| rest.trim_start().starts_with(':'))
    };
    let inner = text.strip_prefix('[').map(str::trim_start);
    let is_array = inner.is_some_and(|inner| is_object(inner) || inner.starts_with('"') && text.ends_with(']'));
    if !is_object(text) && !is_array {
        return None;
    }
    let has = |name: &str| text.contains(&format!("\"{name}\""));
    if has("kty") {
        return Some(JsonOf::Key);
    }
    let members = [
        ("clientSecret", JsonMember::ClientSecret),
        ("secretText", JsonMember::SecretText),
        ("password", JsonMember::Password),
        ("value", JsonMember::Value),
    ];
    let member = members.into_iter().find(|(name, _)| has(name)).map_or(JsonMember::Unknown, |(_, member)| member);
    Some(JsonOf::Secret(member))
}

/// What a text is that is neither binary nor JSON.
pub(crate) fn of(text: &str) -> Option<NotASecret> {
    Some(match layers::bare(text) {
        "" => NotASecret::Empty,
        bare if is_reference(bare) => NotASecret::Reference,
        bare if is_template(bare) => NotASecret::Template,
        bare if is_ssh_key(bare) => NotASecret::SshKey,
        bare if is_jwt(bare) => NotASecret::Jwt,
        bare if is_guid(bare) => NotASecret::SecretId,
        bare if is_placeholder(bare) => NotASecret::Placeholder,
        bare if is_masked(bare) => NotASecret::Masked,
        bare if is_assignment(bare) => NotASecret::Assignment,
        _ if is_quoted(text.trim()) => NotASecret::Quoted,
        _ => return None,
    })
}

fn is_reference(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_url = scheme.is_some_and(|scheme| {
        scheme.len() >= 2
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(is_name)
    });
    is_url || REFERENCES.iter().any(|start| text.starts_with(start))
}

fn is_template(text: &str) -> bool {
    let is_upper = |name: &str| {
        name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let between = |start: &str, end: &str| text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    TEMPLATES.iter().any(|(start, end)| between(start, end).is_some_and(|name| !name.is_empty()))
        || [("$", ""), ("%", "%"), ("__", "__")].iter().any(|(start, end)| between(start, end).is_some_and(is_upper))
}

/// PEM whose BEGIN line is missing or damaged.
pub(crate) fn is_damaged_pem(text: &str) -> bool {
    ["PRIVATE KEY-", "CERTIFICATE-", "PUBLIC KEY-", "-----"].iter().any(|part| text.contains(part))
        || ["BEGIN ", "END "].iter().any(|word| {
            text.split(*word).skip(1).any(|rest| {
                ["CERTIFICATE", "PRIVATE", "RSA PRIVATE", "ENCRYPTED"].iter().any(|label| rest.starts_with(label))
            })
        })
}

fn is_ssh_key(text: &str) -> bool {
    text.starts_with("PuTTY-User-Key-File")
        || (text.starts_with("ssh-") || text.starts_with("ecdsa-")) && text.contains(" AAAA")
}

/// Three or five parts of base64url, the first of which begins an object: `{"`.
fn is_jwt(text: &str) -> bool {
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    text.starts_with("eyJ")
        && matches!(text.split('.').count(), 3 | 5)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_guid(text: &str) -> bool {
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_masked(text: &str) -> bool {
    text.ends_with("******") || text.contains("\u{2022}\u{2022}") || text.contains("\u{25cf}\u{25cf}")
}

fn is_placeholder(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    if characters.all(|character| Some(character) == first) || text.starts_with('<') && text.ends_with('>') {
        return true;
    }
    let text = text.to_ascii_lowercase();
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    NO_VALUES.contains(&text.as_str()) || is_spelled(&letters, false)
}

/// Whether the letters consist of words of both lists, at least one of them telling, here or before (`has_telling`).
fn is_spelled(letters: &str, has_telling: bool) -> bool {
    let continues_with = |words: &[&str], has_telling| {
        words.iter().any(|word| letters.strip_prefix(word).is_some_and(|rest| is_spelled(rest, has_telling)))
    };
    if letters.is_empty() {
        return has_telling;
    }
    continues_with(&TELLING_WORDS, true) || continues_with(&OTHER_WORDS, has_telling)
}

/// `CLIENT_SECRET=...`, `clientsecret: ...`, with or without `export` before it.
fn is_assignment(text: &str) -> bool {
    let text =
        ["export ", "set ", "setx ", "$env:", "--"].iter().find_map(|start| text.strip_prefix(start)).unwrap_or(text);
    let Some((name, value)) = text.split_once(['=', ':']) else { return false };
    let name = name.trim_end();
    let plain: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    !value.trim().is_empty() && name.bytes().all(is_name) && (plain.contains("secret") || plain.contains("password"))
}

fn is_quoted(text: &str) -> bool {
    [('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')]
        .iter()
        .any(|(start, end)| text.chars().count() > 1 && text.starts_with(*start) && text.ends_with(*end))
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+')
}
