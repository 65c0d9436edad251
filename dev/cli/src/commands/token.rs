//! `cargo dev token`

use clap::Args;

/// Print an access token for the running application, and nothing else.
///
/// Needs a `cargo dev up` in another terminal: each run has a tenant of its own, and a token is valid only there.
/// Example: curl -H "Authorization: Bearer $(cargo dev token --as ada)" http://127.0.0.1:3000/api/profile-get
#[derive(Args, Debug)]
pub struct Token {
    /// Whose token; `cargo dev up` lists the people and what each demonstrates.
    #[arg(long = "as", value_name = "PERSON", default_value = "ada")]
    pub person: String,
}
