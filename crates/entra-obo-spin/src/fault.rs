//! What the host's error codes mean.

use entra_obo::host::SendFault;
use spin_sdk::wasip3::http::types::ErrorCode;

/// What a code of the host means where a request was sent, or while its response is read.
pub(crate) fn fault_of(code: ErrorCode) -> SendFault {
    match code {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::DnsTimeout
        | ErrorCode::HttpResponseTimeout => SendFault::TimedOut,
        other => SendFault::Broken(other.to_string()),
    }
}
