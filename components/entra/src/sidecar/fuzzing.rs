//! Fuzz targets of the sidecar.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target fails by panicking"
)]

use http::Uri;
use uuid::Uuid;

use super::options::{For, OF_CALL, Options};
use crate::{error::Error, path::PlainTarget};

/// How many times percent-encoding is undone: more than any program does it.
const DECODINGS: usize = 12;

/// Where the operator allows calls.
const BASE: &str = "https://graph.microsoft.com/v1.0";

/// A query of `/DownstreamApi`.
pub(crate) fn options(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let options = match Options::read(&query, For::Caller(Uuid::nil()), OF_CALL) {
        Ok(options) => options,
        Err(Error::Parameter(name)) => {
            assert!(name.len() <= 100 && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
            return;
        }
        Err(error) => panic!("{error:?}"),
    };
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        assert!(name.to_ascii_lowercase().starts_with("optionsoverride."), "{name} was ignored");
    }
    for (name, value) in &options.headers {
        let is_ours = ["authorization", "host", "content-length", "transfer-encoding", "connection", "upgrade"];
        assert!(!is_ours.contains(&name.as_str()), "{name}");
        assert!(!value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)), "{value:?}");
    }
    let address = options.address(BASE);
    let Ok(uri) = address.parse::<Uri>() else { return };
    assert_eq!((uri.scheme_str(), uri.authority().unwrap().as_str()), (Some("https"), "graph.microsoft.com"));
    assert!(uri.path() == "/v1.0" || uri.path().starts_with("/v1.0/"), "{address}");
    assert!(PlainTarget::judge(uri.path()).is_ok(), "{address}");
    stays_where_it_is(uri.path());
}

/// However often a path is decoded, and whatever counts as a separator, it has the same segments.
pub(crate) fn stays_where_it_is(path: &str) {
    let mut decoded = path.as_bytes().to_vec();
    let separators = |path: &[u8]| path.iter().filter(|byte| b"/\\".contains(byte)).count();
    for _ in 0..DECODINGS {
        assert_eq!(separators(&decoded), separators(path.as_bytes()), "{path}");
        for segment in decoded.split(|byte| b"/\\".contains(byte)) {
            let name = segment.split(|byte| *byte == b';').next().unwrap();
            assert!(name != b"." && name != b"..", "{path}");
            assert!(!segment.iter().any(u8::is_ascii_control), "{path}");
        }
        let next: Vec<u8> = percent_encoding::percent_decode(&decoded).collect();
        if next == decoded {
            return;
        }
        decoded = next;
    }
    panic!("{path} is encoded more than {DECODINGS} times");
}
