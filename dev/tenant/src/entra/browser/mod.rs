//! The pages and redirects in a person's browser: sign-in, consent, sign-out.

pub(crate) mod admin_consent;
pub(crate) mod authorize;
mod browser_cookie;
pub(crate) mod logout;
pub(super) mod pages;
mod recipient;
