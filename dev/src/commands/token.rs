//! `cargo dev token`

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::running;

/// Print an access token for the running application, and nothing else.
///
/// Needs a `cargo dev up` in another terminal: each run has a tenant of its own, and a token is good for that tenant
/// only. Example: curl -H "Authorization: Bearer $(cargo dev token --as ada)" http://127.0.0.1:3000/api/profile-get
#[derive(Args, Debug)]
pub struct Token {
    /// Whose token; `cargo dev up` lists the people and what each demonstrates.
    #[arg(long = "as", value_name = "PERSON", default_value = "ada")]
    person: String,
}

impl Token {
    /// Prints the token.
    ///
    /// # Errors
    /// When nothing is running, or nobody has that name.
    pub async fn run(self) -> Result<ExitCode> {
        let running = running::find()
            .await?
            .context("no application is running to sign in to: start one with `cargo dev up` in another terminal")?;
        println!("{}", running.access_token(&self.person).await?);
        Ok(ExitCode::SUCCESS)
    }
}
