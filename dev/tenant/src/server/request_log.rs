//! The requests that the tenant received, so that a test can check what was, and was not, requested.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use http::{StatusCode, Uri};
use parking_lot::Mutex;

use crate::{
    endpoint::{Endpoint, Service},
    wire::IncomingRequest,
};

/// A received request. Its tokens and secrets are valid for this run: print it with care.
#[derive(Clone)]
pub struct LoggedRequest {
    /// When it had been received.
    pub received: SystemTime,
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
    response: ResponseStatus,
}

/// The status of a response, once its head has been made.
#[derive(Clone, Default)]
pub(crate) struct ResponseStatus(Arc<OnceLock<u16>>);

impl ResponseStatus {
    pub(crate) fn set(&self, status: StatusCode) {
        // A request has one response.
        let _ = self.0.set(status.as_u16());
    }
}

impl LoggedRequest {
    /// The path alone.
    pub fn path(&self) -> &str {
        self.path_and_query.split_once('?').map_or(&self.path_and_query, |(path, _)| path)
    }

    /// The status of the response; `None` before there is one, or when a fault ended the connection instead.
    pub fn response_status(&self) -> Option<u16> {
        self.response.0.get().copied()
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
            .field("response_status", &self.response_status())
            .finish_non_exhaustive()
    }
}

/// Every request since the start or the last [`clear`](RequestLog::clear), in order of arrival, or only how many.
#[derive(Default)]
pub(crate) struct RequestLog(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    requests: VecDeque<LoggedRequest>,
    counts: HashMap<Endpoint, u64>,
    /// How many requests are kept; the oldest ones are dropped. `None`: all.
    limit: Option<usize>,
}

impl RequestLog {
    /// Adds a request, and returns where to put the status of its response.
    pub(crate) fn record(&self, service: Service, endpoint: Endpoint, incoming: &IncomingRequest) -> ResponseStatus {
        let response = ResponseStatus::default();
        let mut entries = self.0.lock();
        *entries.counts.entry(endpoint).or_default() += 1;
        if entries.limit == Some(0) {
            return response;
        }
        let headers = incoming
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let request = LoggedRequest {
            received: SystemTime::now(),
            service,
            endpoint,
            method: incoming.method.to_string(),
            path_and_query: path_and_query(&incoming.uri),
            headers: headers.collect(),
            form: incoming.form().unwrap_or_default(),
            response: response.clone(),
        };
        if entries.limit == Some(entries.requests.len()) {
            entries.requests.pop_front();
        }
        entries.requests.push_back(request);
        response
    }

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.0.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn take(&self) -> Vec<LoggedRequest> {
        std::mem::take(&mut self.0.lock().requests).into()
    }

    pub(crate) fn counts(&self) -> HashMap<Endpoint, u64> {
        self.0.lock().counts.clone()
    }

    /// Keeps no more than the newest `limit` requests from now on; all are counted.
    pub(crate) fn keep(&self, limit: usize) {
        let mut entries = self.0.lock();
        let surplus = entries.requests.len().saturating_sub(limit);
        entries.requests.drain(..surplus);
        entries.limit = Some(limit);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_requests_are_kept() {
        let log = RequestLog::default();
        let record = |path: &'static str| {
            let incoming = IncomingRequest {
                method: http::Method::GET,
                uri: Uri::from_static(path),
                headers: http::HeaderMap::new(),
                body: hyper::body::Bytes::new(),
            };
            log.record(Service::Graph, Endpoint::GraphMe, &incoming);
        };
        let paths = || log.requests().iter().map(|request| request.path().to_owned()).collect::<Vec<_>>();
        for path in ["/1", "/2", "/3"] {
            record(path);
        }
        log.keep(2);
        assert_eq!(paths(), ["/2", "/3"]);
        record("/4");
        assert_eq!(paths(), ["/3", "/4"]);
        log.keep(0);
        record("/5");
        assert_eq!((paths().len(), log.counts()[&Endpoint::GraphMe]), (0, 5));
    }
}
