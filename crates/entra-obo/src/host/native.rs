//! A host for native programs, on tokio and reqwest.

use std::{
    fs::{File, metadata},
    io::{self, Read, Write, stderr},
    process::abort,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response};
use reqwest::{Client, ClientBuilder, redirect::Policy};
use tokio::{task::spawn_blocking, time::timeout};

use super::interface::{FileFault, Host, MaybeSend, SendFault, UnixTime, UpstreamBody, VariableUnavailable};

/// The machine that a native program runs on.
///
/// It has no shared store: what is remembered is remembered by the [`crate::ProtectedApi`] of one process. Its log goes to
/// standard error. Cloning is cheap.
#[derive(Clone)]
pub struct NativeHost(Arc<Inner>);

struct Inner {
    client: Client,
    started: Instant,
    variables: Box<Variables>,
}

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

impl NativeHost {
    /// A host that sends requests by this client and takes settings from `variables`, by name. It is asked for
    /// `client_secret` every few minutes, and when Entra has refused the last value, so that a rotated secret is found.
    ///
    /// Whatever `client` says, no redirection is followed: the token endpoint's requests contain secrets.
    ///
    /// # Errors
    /// If the client cannot be built, because there is no TLS for example.
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn new(
        client: ClientBuilder,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        let client = client.redirect(Policy::none()).build()?;
        Ok(Self(Arc::new(Inner { client, started: Instant::now(), variables: Box::new(variables) })))
    }
}

impl Host for NativeHost {
    type Body = NativeBody;

    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn now(&self) -> UnixTime {
        UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Keys and nonces that can be guessed would be worse than no server.
            abort();
        }
        bytes
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        (self.0.variables)(name).ok_or_else(|| VariableUnavailable::Undefined("it is not set".to_owned()))
    }

    async fn send(&self, request: &Request<Bytes>, limit: Duration) -> Result<Response<NativeBody>, SendFault> {
        let request = request.clone().try_into().map_err(|error: reqwest::Error| SendFault::Broken(words(error)))?;
        let response = timeout(limit, self.0.client.execute(request)).await.map_err(|_| SendFault::TimedOut)?;
        let mut response = response.map_err(fault)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut given = Response::new(NativeBody(response));
        *given.status_mut() = status;
        *given.headers_mut() = headers;
        Ok(given)
    }

    fn keeps_limits(&self) -> bool {
        true
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn read_file(&self, path: &str, limit: usize) -> Result<Vec<u8>, FileFault> {
        let path = path.to_owned();
        let read = spawn_blocking(move || {
            // Opening a pipe would wait for its writer, and keep the thread.
            if !metadata(&path)?.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            let mut bytes = Vec::new();
            File::open(path)?.take(limit.try_into().unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let read: io::Result<Vec<u8>> = read.await.map_err(|error| FileFault::Unreadable(error.to_string()))?;
        Ok(read?)
    }

    fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        tokio::spawn(task);
    }

    fn log(&self, line: &str) {
        // One write, so that lines of other threads cannot come between.
        let _ = stderr().write_all(format!("{line}\n").as_bytes());
    }
}

/// The body of a response.
#[derive(Debug)]
pub struct NativeBody(reqwest::Response);

impl UpstreamBody for NativeBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        self.0.chunk().await.map_err(fault).transpose()
    }
}

fn fault(error: reqwest::Error) -> SendFault {
    if error.is_timeout() { SendFault::TimedOut } else { SendFault::Broken(words(error)) }
}

/// The error and its causes, without the address, which the log has anyway.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::NativeHost;
    use crate::host::{FileFault, Host};

    #[tokio::test]
    async fn a_file_is_read_as_far_as_the_limit() {
        let host = NativeHost::new(reqwest::Client::builder(), |_| None).unwrap();
        let own = file!().split_once("entra-obo/").unwrap().1;
        let source = include_bytes!("native.rs");
        assert_eq!(host.read_file(own, usize::MAX).await.as_deref(), Ok(&source[..]));
        assert_eq!(host.read_file(own, 7).await.as_deref(), Ok(&source[..7]));
        assert_eq!(host.read_file("src/host/none", 7).await, Err(FileFault::Missing));
        // What can give bytes forever, or never give one.
        for other in ["src/host", "/dev/zero"] {
            assert!(matches!(host.read_file(other, 7).await, Err(FileFault::Unreadable(_))), "{other}");
        }
    }
}
