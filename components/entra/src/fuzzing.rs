//! Fuzz targets for the code that decides which path of an app, or of another API, a request reaches. The properties hold
//! for any bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target fails by panicking"
)]

use entra_obo::fuzzing::Target;
use http::Uri;

use crate::{
    path::PlainTarget,
    sidecar::fuzzing::{options, stays_where_it_is},
};

/// All targets, by the names of their corpora.
pub const TARGETS: [(&str, Target); 2] = [("entra_options", options), ("entra_target", target)];

/// A request target in origin form.
fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(plain) = PlainTarget::judge(&text) {
        stays_where_it_is(plain.path);
        // `http` takes less than servers do.
        let Ok(uri) = format!("http://my-api.spin.internal{text}").parse::<Uri>() else { return };
        assert_eq!((uri.host(), uri.path(), uri.query()), (Some("my-api.spin.internal"), plain.path, plain.query));
    }
}
