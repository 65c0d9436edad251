//! `[key_value_store.<label>]`: where key-value stores live.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    key_value::StoreSettings,
    section::{Keys, Section},
};

/// The stores of the file, and `default` where the file does not redefine it.
pub(super) fn read(config: &Section<'_>, folder: &Path, state_dir: &Path) -> Result<BTreeMap<String, StoreSettings>> {
    let default_file = state_dir.join(DEFAULT_STORE_FILE);
    let mut stores = BTreeMap::from([(DEFAULT_STORE.to_owned(), StoreSettings::Sqlite(Some(default_file)))]);
    for (label, section) in config.named_sections("key_value_store")? {
        stores.insert(label.to_owned(), read_one(&section, folder)?);
    }
    Ok(stores)
}

/// The store that every application may use without configuring it.
const DEFAULT_STORE: &str = "default";
const DEFAULT_STORE_FILE: &str = "sqlite_key_value.db";

fn read_one(section: &Section<'_>, folder: &Path) -> Result<StoreSettings> {
    match section.kind()? {
        "spin" => {
            section.check(&SQLITE)?;
            let Sqlite { path } = section.read()?;
            Ok(StoreSettings::Sqlite(path.map(|path| folder.join(path))))
        }
        "redis" => {
            section.check(&REDIS)?;
            let Redis { url } = section.read()?;
            if url.starts_with("rediss:") {
                return Err(section.unsupported("url over TLS"));
            }
            StoreSettings::redis(&url).with_context(|| section.place("url"))
        }
        other @ ("azure_cosmos" | "aws_dynamo") => Err(section.unsupported(&format!("type `{other}`"))),
        other => bail!("{} `{other}` must be spin or redis", section.place("type")),
    }
}

#[derive(Deserialize)]
struct Sqlite {
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Redis {
    url: String,
}

const SQLITE: Keys = Keys { supported: &["type", "path"], refused: &[] };
const REDIS: Keys = Keys { supported: &["type", "url"], refused: &[] };
