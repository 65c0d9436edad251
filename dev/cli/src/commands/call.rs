//! `cargo dev call`

use clap::Args;

use super::host_choice::HostChoice;

/// Call the API as a person and print the response: status, headers, JSON.
///
/// Calls the API that `cargo dev up` serves or, if none is running, starts one on free ports and stops it afterwards.
/// Exits with 0 if the status is a success (2xx), otherwise with 1.
#[derive(Args, Debug)]
pub struct Call {
    /// Who calls; `cargo dev up` lists the people and what each demonstrates.
    #[arg(long = "as", value_name = "PERSON", default_value = "ada")]
    pub person: String,
    /// The path to call.
    #[arg(long, value_name = "PATH", default_value = "/api/profile-get")]
    pub path: String,
    /// The properties to request from Graph ($select), separated by commas.
    #[arg(long, value_name = "PROPERTIES")]
    pub select: Option<String>,
    /// Who serves, if no `cargo dev up` does.
    #[command(flatten)]
    pub host: HostChoice,
}
