//! Ids of directories, applications and people, as Entra writes them.

use uuid::{Uuid, uuid};

/// The directory of all personal Microsoft accounts.
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
pub(crate) const PERSONAL_ACCOUNTS: Uuid = uuid!("9188040d-6c67-4c5b-b112-36a304b66dad");

/// An id in the form with hyphens and without braces, in any case.
pub(crate) fn parse(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}
