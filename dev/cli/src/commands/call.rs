//! `cargo dev call`

use clap::Args;

/// Call the API as a person and print its answer: status, headers, JSON.
///
/// Calls the application that `cargo dev up` serves; where none is running, starts one on free ports and stops it
/// again. Exits with 0 when the API answers with a success (2xx), with 1 otherwise.
#[derive(Args, Debug)]
pub struct Call {
    /// Who calls; `cargo dev up` lists the people and what each demonstrates.
    #[arg(long = "as", value_name = "PERSON", default_value = "ada")]
    pub person: String,
    /// The path to call.
    #[arg(long, value_name = "PATH", default_value = "/api/profile-get")]
    pub path: String,
    /// The properties to ask Graph for ($select), separated by commas.
    #[arg(long, value_name = "PROPERTIES")]
    pub select: Option<String>,
}
