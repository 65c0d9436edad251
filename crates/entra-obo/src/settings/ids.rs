//! Ids of directories and applications.

use uuid::Uuid;

use crate::{
    guid::{self, PERSONAL_ACCOUNTS},
    policy::Tenancy,
    settings::reader::list,
};

/// Microsoft Graph's own application id, the same everywhere.
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Microsoft's own applications, whose ids documents mention next to yours.
const MICROSOFTS: [(&str, &str); 2] =
    [(GRAPH, "Microsoft Graph"), ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "the Azure CLI")];

/// A directory, or a word for many of them. `allowed` is missing where that list has a fault of its own.
pub(crate) fn tenancy(text: &str, allowed: Option<&Vec<Uuid>>) -> Result<Tenancy, String> {
    let authority = match text.to_ascii_lowercase().as_str() {
        "organizations" => "organizations",
        "common" => "common",
        "consumers" => return Err(personal_accounts()),
        _ => {
            return match own(text, "Directory (tenant) ID")? {
                PERSONAL_ACCOUNTS => Err(personal_accounts()),
                id => Ok(Tenancy::Single(id)),
            };
        }
    };
    if allowed.is_some_and(Vec::is_empty) {
        return Err(format!("is {authority}, so allowed_tenants must list the directory ids that may call"));
    }
    Ok(Tenancy::Several { authority, allowed: allowed.cloned().unwrap_or_default() })
}

fn personal_accounts() -> String {
    format!("means personal Microsoft accounts; set common, and {PERSONAL_ACCOUNTS} in allowed_tenants")
}

/// This API's own id, which is not that of its directory.
pub(crate) fn client(text: &str, tenancy: Option<&Tenancy>) -> Result<Uuid, String> {
    let id = own(text, "Application (client) ID")?;
    if let Some((_, name)) = MICROSOFTS.iter().find(|(known, _)| *known == id.to_string()) {
        return Err(format!("is the id of {name}; set the Application (client) ID of your own app registration"));
    }
    if tenancy == Some(&Tenancy::Single(id)) {
        return Err("is the same as tenant_id; set the Application (client) ID of the app registration".to_owned());
    }
    Ok(id)
}

/// Directories that may call.
pub(crate) fn tenants(text: &str) -> Result<Vec<Uuid>, String> {
    list(text, |item| match item {
        "common" | "organizations" | "consumers" => {
            Err(format!("is {item}, which means many directories; list the ids of those that may call"))
        }
        _ => listed(item),
    })
}

/// Applications that may call. This API's own id may be among them: a single-page application can share its registration.
pub(crate) fn clients(text: &str, tenancy: Option<&Tenancy>) -> Result<Vec<Uuid>, String> {
    list(text, |item| match listed(item)? {
        id if tenancy == Some(&Tenancy::Single(id)) => {
            Err("is the directory's id; list the client ids of applications".to_owned())
        }
        id => Ok(id),
    })
}

fn listed(text: &str) -> Result<Uuid, String> {
    match guid(text)? {
        id if id.is_nil() => Err("is the GUID of zeros, a placeholder; set a real id or remove it".to_owned()),
        id => Ok(id),
    }
}

/// An id that the app registration's overview shows under `label`.
///
/// # Errors
/// What to set.
pub fn own(text: &str, label: &str) -> Result<Uuid, String> {
    if text.is_empty() {
        return Err(format!("is empty; copy the {label} from the app registration's overview"));
    }
    let what = if text.contains("://") {
        Some("is a URI")
    } else if text.contains('.') {
        Some("is a domain name")
    } else if is_placeholder(text) {
        Some("is still a placeholder")
    } else {
        None
    };
    match what {
        Some(what) => Err(format!("{what}; set the {label}, a GUID, from the app registration's overview")),
        None => guid(text).map_err(|fault| format!("{fault}; copy the {label} from the app registration's overview")),
    }
}

/// The form in which Entra writes ids, in any case.
pub(crate) fn guid(text: &str) -> Result<Uuid, String> {
    guid::parse(text).ok_or_else(|| "is not a GUID, 32 hexadecimal digits with hyphens as 8-4-4-4-12".to_owned())
}

/// Whether each group of four characters repeats one of them, as in the placeholders of our files and Microsoft's
/// pages.
fn is_placeholder(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let groups: Vec<&[u8]> = digits.chunks(4).collect();
    text.len() == 36 && groups.iter().all(|group| group.iter().all(|digit| group.first() == Some(digit)))
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn placeholders_are_recognised() {
        for text in [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            "aaaabbbb-0000-cccc-1111-dddd2222eeee",
            "00001111-aaaa-2222-bbbb-3333cccc4444",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["00000000-0000-0000-0000-000000000001", "11111111-1111-4111-8111-111111111111", "0000"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
