//! What one instance of the component remembers between requests: the settings and the used sign-ins, and nothing about
//! people.

use std::sync::Arc;

use entra_obo::settings::source::SettingsSource;

use crate::{settings::AppSettings, sign_in::used_sign_ins::UsedSignIns};

/// The memory of an instance.
#[derive(Debug, Default)]
pub struct Instance {
    /// The settings, which are loaded again from time to time.
    pub settings: Arc<SettingsSource<AppSettings>>,
    /// The sign-ins that were used here.
    pub used_sign_ins: UsedSignIns,
}
