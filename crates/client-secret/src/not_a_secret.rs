//! What was set in place of a client secret, and the words that say so.

/// What a text is that is not a client secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotASecret {
    /// Nothing.
    Empty,
    /// PEM (RFC 7468), plain or in base64.
    Pem,
    /// A part of a PEM text, or one whose BEGIN line is damaged.
    DamagedPem,
    /// PKCS#12, the usual form of `.pfx` and `.p12` files.
    Pkcs12,
    /// A certificate or key in DER.
    Der,
    /// A Java key store.
    JavaKeyStore,
    /// A key of SSH.
    SshKey,
    /// A JSON Web Key.
    Jwk,
    /// JSON with this member among others, or any other JSON.
    Json(JsonMember),
    /// A JSON Web Token.
    Jwt,
    /// A GUID.
    SecretId,
    /// Where a secret is to be found.
    Reference,
    /// A variable that was not replaced by its value.
    Template,
    /// Words in place of a secret, as in an example.
    Placeholder,
    /// A secret as the portal shows it later.
    Masked,
    /// A name and a value.
    Assignment,
    /// Text between quotation marks.
    Quoted,
    /// Spaces or line breaks at an end, or line breaks within.
    Whitespace,
    /// UTF-16 or binary: null characters.
    NullCharacters,
    /// Characters that are not printable ASCII.
    Unprintable,
    /// More characters than a secret has.
    TooLong,
}

/// The member of a JSON text that holds the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonMember {
    /// `value`: a secret as Key Vault's REST interface and `az keyvault secret show` have it.
    Value,
    /// `password`: the output of `az ad app credential reset` and `az ad sp create-for-rbac`.
    Password,
    /// `clientSecret`: the same in the form for SDKs.
    ClientSecret,
    /// `secretText`: the response of Microsoft Graph's `addPassword`.
    SecretText,
    /// None that is known.
    Unknown,
}

impl NotASecret {
    /// What is wrong and what to set instead, as the end of a sentence that begins with the setting's name. Never the text.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Empty => "is empty; set a client secret of the application",
            Self::Pem => "is a certificate or key in PEM, where a client secret is expected",
            Self::DamagedPem => {
                "is a part of a PEM text: a line -----BEGIN ...----- or -----END ...----- is missing or damaged; set the \
                 whole text, with private key and certificate"
            }
            Self::Pkcs12 => {
                "is a PKCS#12 file (PFX), which is how Key Vault keeps a certificate by default; give the \
                 certificate the content type PEM (application/x-pem-file) and make a new version of it"
            }
            Self::Der => {
                "is a certificate or key in DER; set the PEM text of both, private key and certificate, or a client secret"
            }
            Self::JavaKeyStore => {
                "is a Java key store; set the PEM text of private key and certificate, or a client secret"
            }
            Self::SshKey => {
                "is an SSH key, which Entra does not accept; set a client secret, or the PEM text of a certificate and its \
                 private key"
            }
            Self::Jwk => "is a JSON Web Key; set the PEM text of private key and certificate, or a client secret",
            Self::Json(JsonMember::Value) => "is JSON; set only its member value, the secret's value itself",
            Self::Json(JsonMember::Password) => "is the JSON that the Azure CLI prints; set only its member password",
            Self::Json(JsonMember::ClientSecret) => "is JSON; set only its member clientSecret",
            Self::Json(JsonMember::SecretText) => "is JSON; set only its member secretText",
            Self::Json(JsonMember::Unknown) => "is JSON; set only the value of the client secret",
            Self::Jwt => "is a token (JWT); set a client secret of the application",
            Self::SecretId => {
                "is a GUID, such as the id of a client secret; set its value, which the portal shows only when the secret \
                 is made"
            }
            Self::Reference => {
                "is a reference to a secret that nothing has resolved; set the secret's value, or let a variable provider \
                 read it from the vault"
            }
            Self::Template => {
                "is the name of a variable in a template that nothing has replaced; set the value of the client secret"
            }
            Self::Placeholder => "is still a placeholder; set the value of a client secret of the application",
            Self::Masked => {
                "is the masked form that the portal shows of an older secret; make a new client secret and set its value"
            }
            Self::Assignment => "is a name and a value; set only the value",
            Self::Quoted => "is in quotation marks; remove them",
            Self::Whitespace => "has spaces or line breaks in it or around it; set the secret's value without them",
            Self::NullCharacters => {
                "holds null characters, so it is UTF-16 text or a binary file; set the secret's value as plain text"
            }
            Self::Unprintable => {
                "holds a character that is not printable ASCII, perhaps an invisible one such as a byte order mark, a \
                 zero-width or a non-breaking space, or it is a binary file; set the secret's value again"
            }
            Self::TooLong => "is longer than any client secret; set the value of a client secret of the application",
        }
    }
}
