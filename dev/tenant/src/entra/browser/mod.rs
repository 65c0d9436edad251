//! What people meet in their browsers: sign-in, consent, sign-out.

pub(crate) mod admin_consent;
pub(crate) mod authorize;
mod browser_cookie;
pub(crate) mod logout;
pub(super) mod pages;
mod recipient;
