//! Service chaining: requests to another component of the application, which never leave the host.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

/// The id of the component that `host`, with or without a port, stands for: `<id>.spin.internal`.
pub(super) fn component_of(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.split_once('.').filter(|(_, domain)| *domain == "spin.internal").map(|(id, _)| id)
}

/// How instances reach the other components of their application. Clones share it.
#[derive(Clone, Default)]
pub(super) struct ServiceChaining(Arc<OnceLock<Handler>>);

/// Passes a request to the component with an id. An error means that there is none.
type Handler = Box<dyn Fn(String, Request<WasiBody>) -> BoxFuture<'static, Result<Response<WasiBody>>> + Send + Sync>;

impl ServiceChaining {
    /// Sets where requests go, when all components are there. It counts once.
    pub(super) fn connect(
        &self,
        handler: impl Fn(String, Request<WasiBody>) -> BoxFuture<'static, Result<Response<WasiBody>>>
        + Send
        + Sync
        + 'static,
    ) {
        let _ = self.0.set(Box::new(handler));
    }

    /// # Errors
    /// If the application has no such component.
    pub(super) async fn send(&self, component: &str, request: Request<WasiBody>) -> Result<Response<WasiBody>> {
        let handler = self.0.get().context("the components are not connected")?;
        handler(component.to_owned(), request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_stand_for_the_same_components_as_in_spin() {
        for (host, component) in [
            ("one.spin.internal", Some("one")),
            ("one.spin.internal:80", Some("one")),
            ("one.two.spin.internal", None),
            ("one.spin.internal.test", None),
            ("spin.internal", None),
            ("one", None),
        ] {
            assert_eq!(component_of(host), component, "{host}");
        }
    }
}
