//! Tests in a real browser, with the components as WebAssembly and the emulated tenant.
//!
//! The browser's part is `dev/browser`, run by Node. If Node or Chromium is missing, tests are skipped with a message.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers, which clippy does not know as tests"
)]

mod browser_tests;
mod sign_in_app;
mod single_page;
