//! What the host's error codes mean.

use entra_obo::host::SendFault;
use spin_sdk::wasip3::http::types::ErrorCode;

/// What a code of the host means.
pub(crate) fn fault_of(code: ErrorCode) -> SendFault {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => SendFault::Denied,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::DnsTimeout
        | ErrorCode::HttpResponseTimeout => SendFault::TimedOut,
        other => SendFault::Broken(other.to_string()),
    }
}
