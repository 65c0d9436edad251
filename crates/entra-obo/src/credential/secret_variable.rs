//! The setting `client_secret`: a client secret, or a certificate with its private key.

use crate::{
    credential::{client_credential::ClientCredential, fault::CredentialFault},
    deadline::{Deadline, within},
    host::{Host, VariableUnavailable},
    settings::{
        fault::{NO_ANSWER, SettingFault},
        source::READ_TIMEOUT,
    },
};

/// The component variable that holds it. Operators know its value as `clientsecret`, which `spin.toml` maps to it.
const VARIABLE: &str = "client_secret";

/// Reads it.
pub(super) async fn load<H: Host>(host: &H, deadline: Deadline) -> Result<ClientCredential, CredentialFault> {
    let remaining = deadline.remaining(host);
    let read = within(host, READ_TIMEOUT.min(remaining), host.variable(VARIABLE)).await;
    if read.is_err() && remaining < READ_TIMEOUT {
        return Err(CredentialFault::OutOfTime);
    }
    let read = read.unwrap_or_else(|_| Err(VariableUnavailable::Unreadable(NO_ANSWER.to_owned())));
    let parse = |text| ClientCredential::parse(text).map_err(|fault| SettingFault::Wrong(fault.to_owned()));
    match read {
        Err(VariableUnavailable::Undefined(reason)) => Err(CredentialFault::Undefined(reason)),
        read => read.map_err(SettingFault::from).and_then(parse).map_err(CredentialFault::Variable),
    }
}
