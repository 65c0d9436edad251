//! A browser without a screen: follows forms and keeps the login host's cookie.

use emulated_tenant::Tenant;
use http::Method;

use crate::client::{Response, start, try_send};

pub(crate) const REDIRECT_URI: &str = "http://localhost:5999/callback";
/// The example of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A tenant whose two applications have a redirect URI.
pub(crate) async fn start_with_clients() -> Tenant {
    let tenant = start().await;
    let web_client_id = tenant.web_client().client_id;
    tenant.register_redirect_uri(&web_client_id, REDIRECT_URI).unwrap();
    tenant.register_redirect_uri(tenant.spa_client_id(), REDIRECT_URI).unwrap();
    tenant
}

pub(crate) struct Browser<'t> {
    tenant: &'t Tenant,
    cookie: Option<String>,
}

impl<'t> Browser<'t> {
    pub(crate) fn new(tenant: &'t Tenant) -> Self {
        Self { tenant, cookie: None }
    }

    pub(crate) async fn open(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, &[]).await
    }

    /// Presses the button `name` of the page's form, whose hidden fields go along.
    pub(crate) async fn press(&mut self, page: &Page, name: &str, value: &str) -> Page {
        assert!(page.has_button(name, value), "no button {name}={value} in {}", page.text());
        let mut fields = page.hidden_fields();
        fields.push((name.to_owned(), value.to_owned()));
        self.send(Method::POST, &page.form_action(), &fields).await
    }

    async fn send(&mut self, method: Method, path: &str, fields: &[(String, String)]) -> Page {
        let url = format!("{}{path}", self.tenant.authority_url());
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(self.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let response = try_send(method, &url, &headers, &body).await.unwrap();
        if let Some(cookie) = response.header("set-cookie") {
            assert!(cookie.contains("; HttpOnly"), "{cookie}");
            let pair = cookie.split(';').next().unwrap().to_owned();
            self.cookie = (!cookie.contains("Max-Age=0")).then_some(pair);
        }
        Page(response)
    }
}

/// What a browser got.
pub(crate) struct Page(pub(crate) Response);

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.body.to_vec()).unwrap()
    }

    #[track_caller]
    pub(crate) fn expect_heading(&self, heading: &str) {
        assert!(self.text().contains(&format!("<h1>{heading}</h1>")), "{:?} {}", self.0.status, self.text());
    }

    /// Where the browser is sent, without the parameters, and these.
    #[track_caller]
    pub(crate) fn redirect(&self) -> (String, Parameters) {
        assert_eq!(self.0.status, 302, "{}", self.text());
        let location = self.0.header("location").unwrap();
        let (uri, parameters) = location.split_once(['?', '#']).unwrap_or((location, ""));
        (uri.to_owned(), Parameters::parse(parameters))
    }

    /// The parameters of a redirect that tells the application of a failure with this error and code.
    #[track_caller]
    pub(crate) fn expect_refusal(&self, error: &str, code: u32) {
        let (_, parameters) = self.redirect();
        assert_eq!(parameters.get("error"), Some(error), "{parameters:?}");
        let description = parameters.get("error_description").unwrap_or_default();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    }

    pub(crate) fn has_button(&self, name: &str, value: &str) -> bool {
        self.text().contains(&format!("name=\"{name}\" value=\"{value}\""))
    }

    fn form_action(&self) -> String {
        unescape(between(&self.text(), "<form method=\"post\" action=\"", "\""))
    }

    pub(crate) fn hidden_fields(&self) -> Vec<(String, String)> {
        let text = self.text();
        let inputs = text.split("<input type=\"hidden\" ").skip(1);
        inputs
            .map(|input| (between(input, "name=\"", "\"").to_owned(), unescape(between(input, "value=\"", "\""))))
            .collect()
    }
}

/// The decoded parameters of a URI.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&")
}

/// The path of an authorization request of `client_id`, with `changed` in place of the fields it names; an empty value
/// leaves a field out.
pub(crate) fn authorize(tenant: &Tenant, client_id: &str, changed: &[(&str, &str)]) -> String {
    let scope = format!("openid profile offline_access api://{}/user_impersonation", tenant.client_id());
    let mut fields = vec![
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", &scope),
        ("state", "a state & more"),
        ("nonce", "n-0S6"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    fields.retain(|field| changed.iter().all(|change| change.0 != field.0));
    fields.extend(changed.iter().filter(|change| !change.1.is_empty()));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("/{}/oauth2/v2.0/authorize?{query}", tenant.tenant_id())
}
