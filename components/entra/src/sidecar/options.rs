//! The query of a request to the sidecar: `optionsOverride.*` of Microsoft's sidecar. What can be honoured within the operator's
//! limits is honoured; everything else is refused by name, never ignored.

use entra_obo::{ClaimsChallenge, Context, Downstream, Tenancy, host::Host};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use crate::{
    error::Error,
    gateway::headers,
    path::PlainTarget,
    settings::{DEFAULT, DownstreamApi},
};

/// The parameters of `/AuthorizationHeader` and `/AuthorizationHeaderUnauthenticated`, in the letter case of
/// Microsoft's documentation; any case is accepted.
pub(super) const OF_TOKEN: &[&str] = &[
    SCOPES,
    "optionsOverride.RequestAppToken",
    TENANT,
    "optionsOverride.AcquireTokenOptions.ForceRefresh",
    "optionsOverride.AcquireTokenOptions.Claims",
    "optionsOverride.AcquireTokenOptions.CorrelationId",
];

/// Those of `/DownstreamApi` and `/DownstreamApiUnauthenticated`.
pub(super) const OF_CALL: &[&str] = &[
    SCOPES,
    "optionsOverride.RequestAppToken",
    TENANT,
    "optionsOverride.AcquireTokenOptions.ForceRefresh",
    "optionsOverride.AcquireTokenOptions.Claims",
    "optionsOverride.AcquireTokenOptions.CorrelationId",
    "optionsOverride.RelativePath",
    "optionsOverride.HttpMethod",
    "optionsOverride.AcceptHeader",
    "optionsOverride.ContentType",
    HEADERS,
    CUSTOM_HEADER,
    QUERY,
];

const SCOPES: &str = "optionsOverride.Scopes";
const TENANT: &str = "optionsOverride.AcquireTokenOptions.Tenant";

/// Dictionaries: each entry is a parameter of its own, `….<name>` or `…[<name>]`. Microsoft's code uses the dot, its
/// documentation the brackets.
const HEADERS: &str = "optionsOverride.ExtraHeaderParameters";
const CUSTOM_HEADER: &str = "optionsOverride.CustomHeader";
const QUERY: &str = "optionsOverride.ExtraQueryParameters";

/// Headers of a call that another parameter or the sidecar itself sets, and those by which programs replace the method. Those
/// of [`headers::is_reserved`] cannot be added either.
const NOT_EXTRA: [&str; 10] = [
    "accept",
    "accept-encoding",
    "authorization",
    "client-request-id",
    "content-type",
    "traceparent",
    "trailer",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// How many headers and parameters of a query can be added together. With an address of 64 KiB, which is as long as a host
/// takes, the headers then fit into a head.
const MAX_EXTRA: usize = 64;

/// What is encoded in a name or value of a query: all but RFC 3986's unreserved characters.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Methods that a downstream API can be called by.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What is encoded in a path and its query, besides letters that are not ASCII. Control characters are not: they are refused.
const NOT_IN_ADDRESS: &AsciiSet =
    &AsciiSet::EMPTY.add(b' ').add(b'"').add(b'<').add(b'>').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// The longest name of a parameter that is repeated to whoever sent it.
const MAX_NAME_BYTES: usize = 100;

/// Whose token a request asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum For<'a> {
    /// One on behalf of a caller of this directory.
    Caller(Uuid),
    /// An application token, of a directory that these admit.
    Application(&'a Tenancy),
}

/// What a request asks to be done otherwise than the operator has set.
#[derive(Debug, Default)]
pub(super) struct Options {
    scopes: Vec<String>,
    tenant_id: Option<Uuid>,
    correlation_id: Option<Uuid>,
    /// Whether a token that is remembered will not do.
    pub(super) force_refresh: bool,
    /// What the token must satisfy.
    pub(super) claims: Option<ClaimsChallenge>,
    /// Appended to the API's address; begins with a slash, and may have a query.
    relative_path: Option<String>,
    /// How the API is called.
    pub(super) method: Option<Method>,
    /// `Accept` of the call.
    pub(super) accept: Option<HeaderValue>,
    /// `Content-Type` of the call.
    pub(super) content_type: Option<HeaderValue>,
    /// Further headers of the call.
    pub(super) headers: HeaderMap,
    /// Further parameters of the call's query, encoded; joined by `&`.
    query: String,
}

impl Options {
    /// Reads a query, of which `known` are the parameters that it may have.
    ///
    /// # Errors
    /// [`Error::Parameter`], which names the first that cannot be honoured.
    pub(super) fn read(query: &str, whose: For<'_>, known: &[&'static str]) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut taken: Vec<&str> = Vec::new();
        let mut extra = 0_usize;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let entry = known.iter().find_map(|known| Some((*known, entry_of(known, &name)?)));
            if let Some((known, key)) = entry {
                extra = extra.saturating_add(1);
                let is_honoured = extra <= MAX_EXTRA && options.take_entry(known, key, &value).is_some();
                if !is_honoured {
                    return Err(Error::Parameter(repeatable(&name)));
                }
                continue;
            }
            let known = known.iter().find(|known| known.eq_ignore_ascii_case(&name));
            // Of two values one would be ignored.
            let known = known.filter(|known| **known == SCOPES || !taken.contains(known));
            let is_honoured = known.is_some_and(|known| options.take(known, &value, whose).is_some());
            if !is_honoured {
                return Err(Error::Parameter(repeatable(&name)));
            }
            taken.extend(known);
        }
        if let Some(name) = options.repeated() {
            return Err(Error::Parameter(repeatable(&format!("{QUERY}.{name}"))));
        }
        Ok(options)
    }

    /// A parameter of the query that the relative path has as well.
    fn repeated(&self) -> Option<String> {
        let (_, of_path) = self.relative_path.as_deref()?.split_once('?')?;
        let of_path: Vec<_> = form_urlencoded::parse(of_path.as_bytes()).map(|(name, _)| name).collect();
        let mut extra = form_urlencoded::parse(self.query.as_bytes()).map(|(name, _)| name.into_owned());
        extra.find(|name| of_path.iter().any(|other| other == name))
    }

    /// Takes one parameter; `None` if it cannot be honoured.
    fn take(&mut self, name: &str, value: &str, whose: For<'_>) -> Option<()> {
        match name.rsplit('.').next()? {
            "Scopes" => self.scopes.extend(value.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned)),
            // The path decides this.
            "RequestAppToken" => return (truth(value)? == matches!(whose, For::Application(_))).then_some(()),
            "Tenant" => self.tenant_id = Some(value.parse().ok().filter(|tenant_id| whose.admits(*tenant_id))?),
            "ForceRefresh" => self.force_refresh = truth(value)?,
            "Claims" => self.claims = Some(ClaimsChallenge::parse(value)?),
            "CorrelationId" => self.correlation_id = Some(value.parse().ok()?),
            "RelativePath" if value.is_empty() => {}
            "RelativePath" => self.relative_path = Some(relative_path(value)?),
            "HttpMethod" => self.method = Some(method(value)?),
            "AcceptHeader" => self.accept = Some(HeaderValue::from_str(value).ok()?),
            "ContentType" => self.content_type = Some(HeaderValue::from_str(value).ok()?),
            _ => return None,
        }
        Some(())
    }

    /// Takes one header, or one parameter of the query; `None` if it cannot be honoured.
    fn take_entry(&mut self, known: &str, key: &str, value: &str) -> Option<()> {
        if known == QUERY {
            let encoded = |text| utf8_percent_encode(text, NOT_UNRESERVED).to_string();
            let name = encoded(key);
            // Of two values one might be ignored. Bytes that are not UTF-8 were replaced when the query was read.
            let mut names = self.query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0));
            if names.any(|given| given == name)
                || [key, value].iter().any(|text| text.contains(char::REPLACEMENT_CHARACTER))
            {
                return None;
            }
            let separator = if self.query.is_empty() { "" } else { "&" };
            self.query.extend([separator, &name, "=", &encoded(value)]);
            return Some(());
        }
        let is_free = |name: &HeaderName| !NOT_EXTRA.contains(&name.as_str()) && !headers::is_reserved(name);
        let name = HeaderName::try_from(key).ok().filter(is_free)?;
        let value = HeaderValue::from_str(value).ok()?;
        (!self.headers.contains_key(&name)).then(|| self.headers.insert(name, value)).map(drop)
    }

    /// The address of a call below `base`, the address of the API.
    pub(super) fn address(&self, base: &str) -> String {
        let mut address = format!("{base}{}", self.relative_path.as_deref().unwrap_or_default());
        if !self.query.is_empty() {
            // HTTP/2 has no target without a path.
            if address.split_once("://").is_some_and(|(_, rest)| !rest.contains('/')) {
                address.push('/');
            }
            address.extend([if address.contains('?') { "&" } else { "?" }, &self.query]);
        }
        address
    }

    /// The parameter to which an address that is none is due.
    pub(super) fn longest_of_address(&self) -> &'static str {
        let path = self.relative_path.as_deref().unwrap_or_default();
        if self.query.len() > path.len() { QUERY } else { "optionsOverride.RelativePath" }
    }

    /// The API with the scopes that are asked for, if any are.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the operator has not declared one of them.
    pub(super) fn downstream(&self, api: &DownstreamApi) -> Result<Downstream, Error> {
        if self.scopes.is_empty() {
            return Ok(api.downstream.clone());
        }
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        api.with_scopes(&scopes).map_err(|_| Error::Parameter(SCOPES.to_owned()))
    }

    /// An application token has everything that is assigned to the application; a part of that cannot be requested.
    ///
    /// # Errors
    /// [`Error::Parameter`] if other scopes are asked for.
    pub(super) fn expect_all_of_application(&self, api: &DownstreamApi) -> Result<(), Error> {
        let is_all = |scope: &String| scope == DEFAULT || scope == api.downstream.scopes();
        if self.scopes.iter().all(is_all) { Ok(()) } else { Err(Error::Parameter(SCOPES.to_owned())) }
    }

    /// The directory that issues a token of the application itself.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there are several, and none is asked for.
    pub(super) fn directory(&self, tenancy: &Tenancy) -> Result<Uuid, Error> {
        let only = match tenancy {
            Tenancy::Single(only) => Some(*only),
            _ => None,
        };
        self.tenant_id.or(only).ok_or_else(|| Error::Parameter(TENANT.to_owned()))
    }

    /// Entra gets the id that is asked for, and the response has it.
    pub(super) fn correlate<H: Host>(&self, context: &mut Context<H>) {
        if let Some(id) = self.correlation_id {
            context.correlation.client_request_id = id;
        }
    }
}

impl For<'_> {
    /// A token is exchanged at the directory that issued it. Application tokens come from any directory that is
    /// admitted.
    fn admits(self, tenant_id: Uuid) -> bool {
        match self {
            Self::Caller(own) => own == tenant_id,
            Self::Application(tenancy) => tenancy.admits(tenant_id),
        }
    }
}

/// The key of the entry of `dictionary` that a parameter of this name sets.
fn entry_of<'a>(dictionary: &str, name: &'a str) -> Option<&'a str> {
    if ![HEADERS, CUSTOM_HEADER, QUERY].contains(&dictionary) {
        return None;
    }
    let (start, rest) = name.split_at_checked(dictionary.len())?;
    let key = rest.strip_prefix('.').or_else(|| rest.strip_prefix('[')?.strip_suffix(']'))?;
    (start.eq_ignore_ascii_case(dictionary) && !key.is_empty()).then_some(key)
}

fn truth(value: &str) -> Option<bool> {
    value.to_ascii_lowercase().parse().ok()
}

fn method(value: &str) -> Option<Method> {
    METHODS.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(value))
}

/// It stays below the API's address: see [`PlainTarget`]. What no address can have is encoded, as in Microsoft's sidecar.
fn relative_path(value: &str) -> Option<String> {
    // Bytes that are no text were replaced when the query was read.
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let path = format!("/{}", utf8_percent_encode(value.strip_prefix('/').unwrap_or(value), NOT_IN_ADDRESS));
    PlainTarget::judge(&path).is_ok().then_some(path)
}

/// The name as far as it is one, so that nothing else is repeated.
fn repeatable(name: &str) -> String {
    let is_part =
        |character: &char| character.is_ascii_alphanumeric() || matches!(character, '$' | '.' | '_' | '-' | '[' | ']');
    name.chars().take_while(is_part).take(MAX_NAME_BYTES).collect()
}
