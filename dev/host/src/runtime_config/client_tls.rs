//! `[[client_tls]]`: whom components trust when they call out, by host.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use http::uri::Authority;
use serde::Deserialize;

use crate::{
    section::{Keys, Section},
    tls::{ClientTls, Roots},
};

pub(super) fn read(config: &Section<'_>, folder: &Path, environment: &BTreeMap<String, String>) -> Result<ClientTls> {
    let mut tls = ClientTls::new(environment)?;
    for section in config.listed_sections("client_tls")? {
        section.check(&CLIENT_TLS)?;
        let entry: Entry = section.read()?;
        entry.add_to(&mut tls, folder, environment).with_context(|| section.place(""))?;
    }
    Ok(tls)
}

#[derive(Deserialize)]
struct Entry {
    component_ids: Vec<String>,
    hosts: Vec<String>,
    ca_use_platform_roots: Option<bool>,
    ca_use_webpki_roots: Option<bool>,
    ca_roots_file: Option<PathBuf>,
}

impl Entry {
    fn add_to(&self, tls: &mut ClientTls, folder: &Path, environment: &BTreeMap<String, String>) -> Result<()> {
        ensure!(!self.component_ids.is_empty(), "component_ids may not be empty");
        ensure!(!self.hosts.is_empty(), "hosts may not be empty");
        for id in &self.component_ids {
            ensure!(is_component_id(id), "component_ids: `{id}` is no component id");
        }
        for host in &self.hosts {
            let authority: Authority = host.parse().with_context(|| format!("hosts: `{host}` is no host"))?;
            ensure!(authority.port().is_none(), "hosts: `{host}` may not have a port");
        }
        tls.add(&self.component_ids, &self.hosts, self.roots(folder).client_config(environment)?);
        Ok(())
    }

    /// Each source that is named excludes those that are not.
    fn roots(&self, folder: &Path) -> Roots {
        let is_nothing_else = self.ca_use_webpki_roots.is_none() && self.ca_roots_file.is_none();
        Roots {
            platform: self.ca_use_platform_roots.unwrap_or(is_nothing_else),
            webpki: self.ca_use_webpki_roots.unwrap_or(false),
            file: self.ca_roots_file.as_ref().map(|file| folder.join(file)),
        }
    }
}

/// Words of letters and digits, each in one case and beginning with a letter, with hyphens between them.
fn is_component_id(id: &str) -> bool {
    id.split('-').all(|word| {
        let is_one_case =
            !word.bytes().any(|byte| byte.is_ascii_uppercase()) || !word.bytes().any(|byte| byte.is_ascii_lowercase());
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && is_one_case
    })
}

const CLIENT_TLS: Keys = Keys {
    supported: &["component_ids", "hosts", "ca_use_platform_roots", "ca_use_webpki_roots", "ca_roots_file"],
    refused: &["client_cert_file", "client_private_key_file"],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_chosen_as_spin_chooses_them() {
        let roots =
            |platform: bool, webpki: bool, file: Option<&str>| Roots { platform, webpki, file: file.map(Into::into) };
        for (text, expected) in [
            ("", roots(true, false, None)),
            ("ca_use_webpki_roots = true", roots(false, true, None)),
            ("ca_use_webpki_roots = false", roots(false, false, None)),
            ("ca_use_platform_roots = true", roots(true, false, None)),
            ("ca_use_platform_roots = false", roots(false, false, None)),
            ("ca_roots_file = 'ca.pem'", roots(false, false, Some("config/ca.pem"))),
            ("ca_roots_file = 'ca.pem'\nca_use_platform_roots = true", roots(true, false, Some("config/ca.pem"))),
            ("ca_roots_file = '/ca.pem'\nca_use_webpki_roots = true", roots(false, true, Some("/ca.pem"))),
            ("ca_use_platform_roots = true\nca_use_webpki_roots = true", roots(true, true, None)),
        ] {
            let entry: Entry = toml::from_str(&format!("component_ids = ['a']\nhosts = ['b']\n{text}")).unwrap();
            assert_eq!(entry.roots(Path::new("config")), expected, "{text}");
        }
    }

    #[test]
    fn component_ids_are_spins() {
        for right in ["a", "profile-get", "A1-b2"] {
            assert!(is_component_id(right), "{right}");
        }
        for wrong in ["", "a_b", "a--b", "-a", "1a", "aB", "a b", "é"] {
            assert!(!is_component_id(wrong), "{wrong}");
        }
    }
}
