//! Where Entra, Graph and the pages of browsers are: `scheme://host[:port]`.

use http::{HeaderValue, uri::Authority};

use crate::credential::managed_identity::GLOBAL_AUDIENCE;

/// Microsoft's clouds. Ids, tokens and keys of one are nothing to another.
/// <https://learn.microsoft.com/graph/deployments>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cloud {
    Global,
    UsGovernment,
    China,
}

/// Where people sign in, by host.
const SIGN_IN_HOSTS: [(&str, Cloud); 8] = [
    ("login.microsoftonline.com", Cloud::Global),
    ("login.microsoft.com", Cloud::Global),
    ("login.windows.net", Cloud::Global),
    ("sts.windows.net", Cloud::Global),
    ("login.microsoftonline.us", Cloud::UsGovernment),
    ("login.usgovcloudapi.net", Cloud::UsGovernment),
    ("login.partner.microsoftonline.cn", Cloud::China),
    ("login.chinacloudapi.cn", Cloud::China),
];

/// Microsoft Graph, by host.
const GRAPH_HOSTS: [(&str, Cloud); 4] = [
    ("graph.microsoft.com", Cloud::Global),
    ("graph.microsoft.us", Cloud::UsGovernment),
    ("dod-graph.microsoft.us", Cloud::UsGovernment),
    ("microsoftgraph.chinacloudapi.cn", Cloud::China),
];

/// Azure AD Graph, which Microsoft has retired.
const RETIRED_GRAPH: &str = "graph.windows.net";

/// Domains that Microsoft's pages and ours use in examples.
const DOMAINS_OF_EXAMPLES: [&str; 5] = ["example.com", "example.net", "example.org", "contoso.com", "fabrikam.com"];

/// Entra's address.
///
/// # Errors
/// What to set.
pub fn authority_host(text: &str) -> Result<String, String> {
    let origin = server(text)?;
    if cloud(&origin, &GRAPH_HOSTS).is_some() {
        return Err("is the address of Microsoft Graph; set that of the sign-in, such as \
                    https://login.microsoftonline.com"
            .to_owned());
    }
    Ok(origin)
}

/// Microsoft Graph's address, in the same cloud as Entra's where that is known.
///
/// # Errors
/// What to set.
pub fn graph_url(text: &str, authority_host: Option<&str>) -> Result<String, String> {
    let origin = server(text)?;
    if cloud(&origin, &SIGN_IN_HOSTS).is_some() {
        return Err("is the address of the sign-in; set that of Microsoft Graph, such as https://graph.microsoft.com"
            .to_owned());
    }
    if host(&origin) == RETIRED_GRAPH {
        return Err("is Azure AD Graph, which is retired; set https://graph.microsoft.com".to_owned());
    }
    let here = authority_host.and_then(|authority_host| cloud(authority_host, &SIGN_IN_HOSTS));
    if let (Some(here), Some(there)) = (here, cloud(&origin, &GRAPH_HOSTS))
        && here != there
    {
        let fitting = GRAPH_HOSTS.iter().find(|(_, cloud)| *cloud == here).map_or("", |(host, _)| *host);
        return Err(format!("is of another cloud than authority_host; with that, set https://{fitting}"));
    }
    Ok(origin)
}

/// The resources under which Entra knows Microsoft Graph: that of `graph_url`, or any cloud's where that is none of
/// Microsoft's own hosts.
pub(crate) fn graph_resources(graph_url: &str) -> Vec<String> {
    let mut resources = vec![graph_url.to_owned()];
    if cloud(graph_url, &GRAPH_HOSTS).is_none() {
        resources.extend(GRAPH_HOSTS.iter().map(|(host, _)| format!("https://{host}")));
    }
    resources
}

/// Whether a URI is Microsoft Graph's, of any cloud, past or present.
#[must_use]
pub fn is_of_graph(uri: &str) -> bool {
    let host = host(uri).to_ascii_lowercase();
    host == RETIRED_GRAPH || GRAPH_HOSTS.iter().any(|(known, _)| *known == host)
}

/// The origin of a page, as browsers write it (RFC 6454 section 6.2): anything else would never match.
///
/// # Errors
/// What to set.
pub fn browser_origin(text: &str) -> Result<HeaderValue, String> {
    match text {
        "*" => return Err("is *, which would let every page call; list the origins that may".to_owned()),
        "null" => {
            return Err(
                "is null, which browsers send for pages of any origin; list the origins that may call".to_owned()
            );
        }
        _ => {}
    }
    let origin = origin(text)?;
    let is_localhost = || host(&origin).ends_with(".localhost");
    if origin.starts_with("http://") && !is_loopback(host(&origin)) && !is_localhost() {
        return Err("is http, where tokens can be read on the way; use https".to_owned());
    }
    if text.ends_with('/') {
        return Err("has a slash at its end, which browsers do not send; remove it".to_owned());
    }
    if text != text.to_ascii_lowercase() {
        return Err("has capital letters, which browsers do not send; write it in lower case".to_owned());
    }
    if text != origin {
        return Err("has the default port, which browsers do not send; remove the port".to_owned());
    }
    HeaderValue::from_str(text).map_err(|_| "is not an origin".to_owned())
}

/// The address of a server: `https`, or `http` on this machine, where nobody listens in.
///
/// # Errors
/// What to set.
pub fn server(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty; remove it to use the default".to_owned());
    }
    let origin = origin(text)?;
    if origin.starts_with("http://") && !is_loopback(host(&origin)) {
        return Err("is http, which is accepted for this machine only; use https".to_owned());
    }
    Ok(origin)
}

/// The audience of federated credentials in the cloud of this `authority_host`.
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
pub(crate) fn token_exchange(authority_host: &str) -> &'static str {
    match cloud(authority_host, &SIGN_IN_HOSTS) {
        Some(Cloud::UsGovernment) => "api://AzureADTokenExchangeUSGov",
        Some(Cloud::China) => "api://AzureADTokenExchangeChina",
        Some(Cloud::Global) | None => GLOBAL_AUDIENCE,
    }
}

/// The endpoint of managed identities: a server of the platform, which speaks plain HTTP with programs on the same machine.
///
/// # Errors
/// What to set.
pub(crate) fn identity_endpoint(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(
            "is empty; set http://169.254.169.254 on a virtual machine, and IDENTITY_ENDPOINT up to its port on App \
                    Service and Container Apps"
                .to_owned(),
        );
    }
    // With the path, Spin would take the list of allowed hosts for wrong and deny each call.
    if ["/msi/token", "/metadata/identity"].iter().any(|path| text.to_ascii_lowercase().contains(path)) {
        return Err("has a path; set the endpoint without its path, as http://host:port".to_owned());
    }
    let origin = origin(text)?;
    if origin.starts_with("http://") && !is_local(host(&origin)) {
        return Err("is http to another machine, where the token can be read on the way; set the platform's endpoint"
            .to_owned());
    }
    Ok(origin)
}

/// The address of a server that this component calls: as [`authority_host`]'s, or a component of the same application,
/// `http://<id>.spin.internal`, which no network lies in front of.
///
/// # Errors
/// What to set.
pub fn service(text: &str) -> Result<String, String> {
    let origin = origin(text)?;
    if origin.starts_with("http://") && !is_loopback(host(&origin)) && !is_of_this_application(&origin) {
        return Err(
            "is http, which is accepted for this machine and for http://<component>.spin.internal alone; use https"
                .to_owned(),
        );
    }
    Ok(origin)
}

/// Whether an address is that of a component of the same Spin application (service chaining).
#[must_use]
pub fn is_of_this_application(origin: &str) -> bool {
    host(origin).ends_with(".spin.internal")
}

/// Scheme, host and port in the normal form of RFC 3986 sections 6.2.2.1 and 6.2.3: in lower case, without the default
/// port.
fn origin(text: &str) -> Result<String, String> {
    let fault = |words: &str| Err(format!("{words}; write it as https://host or https://host:port"));
    let Some((scheme, rest)) = text.split_once("://") else { return fault("has no https:// before its host") };
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        // Spin compares schemes letter by letter with those that it allows.
        _ if scheme.eq_ignore_ascii_case("https") => return fault("has https in capital letters"),
        _ => return fault("does not begin with https://"),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '\\']) {
        return fault("has a path or more after its host, which must not be there");
    }
    if rest.contains('@') {
        return fault("has a user name before its host");
    }
    let Ok(authority) = rest.parse::<Authority>() else { return fault("has no host that can be read") };
    let host = authority.host().to_ascii_lowercase();
    let is_name = !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if host.contains('*') {
        return fault("has a wildcard");
    }
    if !is_name && !is_address {
        return fault("has no host that can be read");
    }
    if is_of_an_example(&host) {
        return fault("still has the host of an example");
    }
    match authority.port_u16() {
        Some(0) => fault("has the port 0"),
        Some(port) if port != default_port => Ok(format!("{scheme}://{host}:{port}")),
        None if rest.len() != host.len() => fault("has no valid port after its colon"),
        _ => Ok(format!("{scheme}://{host}")),
    }
}

/// Whether a host is an example's, which the reader has to replace.
pub(crate) fn is_of_an_example(host: &str) -> bool {
    let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    host.split('.').any(|label| label == "your" || label.starts_with("your-"))
        || DOMAINS_OF_EXAMPLES.iter().any(|domain| is_below(domain))
}

fn cloud(origin: &str, hosts: &[(&str, Cloud)]) -> Option<Cloud> {
    let host = host(origin);
    hosts.iter().find(|(known, _)| *known == host).map(|(_, cloud)| *cloud)
}

/// The host of a URI.
pub(crate) fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Whether only this machine and its platform can be meant.
fn is_local(host: &str) -> bool {
    is_loopback(host)
        || host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_link_local() || address.is_private())
}
