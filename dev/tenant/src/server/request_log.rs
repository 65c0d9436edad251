//! The requests that the tenant received, so that a test can check what was, and was not, requested.

use std::{collections::HashMap, fmt};

use http::Uri;
use parking_lot::Mutex;

use crate::{
    endpoint::{Endpoint, Service},
    wire::IncomingRequest,
};

/// A received request. Its tokens and secrets are valid for this run: print it with care.
#[derive(Clone)]
pub struct LoggedRequest {
    /// The server that received it.
    pub service: Service,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The method, in upper case.
    pub method: String,
    /// The path and query as sent.
    pub path_and_query: String,
    /// Header names in lower case with their values, in order.
    pub headers: Vec<(String, String)>,
    /// The decoded fields of a form body, in order.
    pub form: Vec<(String, String)>,
}

impl LoggedRequest {
    /// The path alone.
    pub fn path(&self) -> &str {
        self.path_and_query.split_once('?').map_or(&self.path_and_query, |(path, _)| path)
    }

    /// The value of the header `name`, given in lower case; of the first one where it is repeated.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The value of the form field `name`; of the first one where it is repeated.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.form, name)
    }
}

/// Names of headers and fields only, and no query: values may be secrets.
impl fmt::Debug for LoggedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|pair| pair.0.clone()).collect::<Vec<_>>();
        f.debug_struct("LoggedRequest")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &names(&self.headers))
            .field("form", &names(&self.form))
            .finish_non_exhaustive()
    }
}

/// Every request since the start or the last [`clear`](RequestLog::clear), in order of arrival, or only how many.
#[derive(Default)]
pub(crate) struct RequestLog(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    requests: Vec<LoggedRequest>,
    counts: HashMap<Endpoint, u64>,
    counts_only: bool,
}

impl RequestLog {
    pub(crate) fn record(&self, service: Service, endpoint: Endpoint, incoming: &IncomingRequest) {
        let mut entries = self.0.lock();
        *entries.counts.entry(endpoint).or_default() += 1;
        if entries.counts_only {
            return;
        }
        let headers = incoming
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let request = LoggedRequest {
            service,
            endpoint,
            method: incoming.method.to_string(),
            path_and_query: path_and_query(&incoming.uri),
            headers: headers.collect(),
            form: incoming.form().unwrap_or_default(),
        };
        entries.requests.push(request);
    }

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.0.lock().requests.clone()
    }

    pub(crate) fn take(&self) -> Vec<LoggedRequest> {
        std::mem::take(&mut self.0.lock().requests)
    }

    pub(crate) fn counts(&self) -> HashMap<Endpoint, u64> {
        self.0.lock().counts.clone()
    }

    /// From now on requests are counted, and nothing else is kept of them.
    pub(crate) fn count_only(&self) {
        self.0.lock().counts_only = true;
    }

    pub(crate) fn clear(&self) {
        let mut entries = self.0.lock();
        entries.requests.clear();
        entries.counts.clear();
    }
}

fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| uri.to_string(), ToString::to_string)
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
}
