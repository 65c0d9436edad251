//! Faults of endpoints and of connections.

use serde::{
    Deserialize,
    de::{IntoDeserializer as _, value::Error},
};

use super::error::AdminError;
use crate::{
    endpoint::{Endpoint, Service},
    server::{connection_faults::ConnectionFault, faults::Fault},
    tenant::Tenant,
};

/// A fault, and for which requests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultSetting {
    fault: Fault,
    /// For so many requests.
    times: Option<usize>,
    /// For each one of this number.
    every: Option<usize>,
}

/// A fault, and for which connections.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionFaultSetting {
    fault: ConnectionFault,
    /// For so many connections.
    times: Option<usize>,
}

pub(super) fn set(tenant: &Tenant, endpoint: &str, setting: FaultSetting) -> Result<(), AdminError> {
    let endpoint = parse::<Endpoint>(endpoint)?;
    match setting {
        FaultSetting { fault, times: None, every: None } => tenant.faults().set(endpoint, fault),
        FaultSetting { fault, times: Some(times), every: None } => tenant.faults().set_times(endpoint, fault, times),
        FaultSetting { fault, times: None, every: Some(nth @ 1..) } => tenant.faults().set_every(endpoint, fault, nth),
        _ => return Err(AdminError::invalid("send `times`, or `every` of 1 or more, or neither of them")),
    }
    Ok(())
}

pub(super) fn set_connections(
    tenant: &Tenant,
    service: &str,
    setting: ConnectionFaultSetting,
) -> Result<(), AdminError> {
    let service = parse::<Service>(service)?;
    match setting.times {
        None => tenant.faults().set_connections(service, setting.fault),
        Some(times) => tenant.faults().set_connections_times(service, setting.fault, times),
    }
    Ok(())
}

/// The error lists the names there are.
fn parse<'de, T: Deserialize<'de>>(name: &'de str) -> Result<T, AdminError> {
    T::deserialize(name.into_deserializer()).map_err(|error: Error| AdminError::not_found(error.to_string()))
}
