//! Tokens of a cluster's service accounts, as its pods find them in a file:
//! <https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html>.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::signing::Signing;
use crate::{
    directory::{Directory, well_known::TOKEN_EXCHANGE},
    jwt::{self, Object, object},
    random, time,
};

/// An hour, the default of workload identity.
const LIFETIME: i64 = 3600;

/// A token before it is signed: valid unless it is changed.
pub struct ServiceAccountToken {
    /// The claims.
    pub claims: Object,
    /// How it is signed. The right key is the cluster's.
    pub signing: Signing,
}

impl ServiceAccountToken {
    /// A token of the service account `name` in `namespace` that the cluster would issue now.
    pub(crate) fn new(directory: &Directory, namespace: &str, name: &str) -> Self {
        let now = time::now();
        let claims = object(json!({
            "aud": [TOKEN_EXCHANGE],
            "exp": now + LIFETIME,
            "iat": now,
            "iss": directory.workload.cluster.issuer,
            "jti": random::guid(),
            "kubernetes.io": {
                "namespace": namespace,
                "pod": {"name": format!("{name}-0"), "uid": random::guid()},
                "serviceaccount": {"name": name, "uid": random::guid()},
            },
            "nbf": now,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        }));
        Self { claims, signing: Signing::Right }
    }

    /// Issued `seconds` before it expires, which is `left` seconds from now.
    pub fn lasts(&mut self, seconds: i64, left: i64) {
        let expires = time::now() + left;
        for (claim, moment) in [("iat", expires - seconds), ("nbf", expires - seconds), ("exp", expires)] {
            self.claims.insert(claim.to_owned(), moment.into());
        }
    }

    pub(crate) fn sign(self, directory: &Directory) -> String {
        let key = &directory.workload.cluster.key;
        let key_id = self.signing.key_id(&directory.keys, key);
        let header = object(json!({"alg": self.signing.algorithm(), "kid": key_id}));
        let input = jwt::signing_input(&jwt::to_text(&header), &jwt::to_text(&self.claims));
        jwt::token(&input, &self.signing.sign(&directory.keys, key, input.as_bytes()))
    }
}

/// A volume with a token, laid out and replaced as the kubelet does it: a symbolic link to a folder is exchanged, so
/// that readers see the old token or the new one.
#[derive(Debug)]
pub struct ProjectedToken {
    folder: PathBuf,
}

/// The name of the file in workload identity's volume.
const FILE: &str = "azure-identity-token";
const DATA: &str = "..data";

impl ProjectedToken {
    /// Writes the first token below `folder`, which must exist.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn create(folder: &Path, token: &str) -> io::Result<Self> {
        let volume = Self { folder: folder.to_owned() };
        volume.replace(token)?;
        symlink(Path::new(DATA).join(FILE), volume.path())?;
        Ok(volume)
    }

    /// The file that a pod reads: `AZURE_FEDERATED_TOKEN_FILE`.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Replaces the token.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn replace(&self, token: &str) -> io::Result<()> {
        let name = format!("..{}", random::version());
        let (data, temporary) = (self.folder.join(DATA), self.folder.join("..data_tmp"));
        let before = fs::read_link(&data).ok();
        fs::create_dir(self.folder.join(&name))?;
        fs::write(self.folder.join(&name).join(FILE), token)?;
        symlink(&name, &temporary)?;
        fs::rename(&temporary, &data)?;
        before.map_or(Ok(()), |before| fs::remove_dir_all(self.folder.join(before)))
    }
}
