//! What one instance of the component remembers between requests: the settings and which sign-ins were finished, and
//! nothing of any person.

use std::{cell::RefCell, rc::Rc};

use crate::{
    host::{Host, UnixTime},
    settings::{Settings, SettingsFaults},
    sign_in::used_sign_ins::UsedSignIns,
};

/// How long settings are used before the variables are read again. Reading them costs a call to the host for each.
const LIFETIME_SECONDS: u64 = 300;

/// The memory of an instance.
#[derive(Debug, Default)]
pub struct Instance {
    settings: RefCell<Option<(Rc<Settings>, UnixTime)>>,
    /// The sign-ins that were finished here.
    pub used_sign_ins: UsedSignIns,
}

impl Instance {
    /// The settings; faults are not remembered, so that a corrected variable counts at once.
    ///
    /// # Errors
    /// Every wrong variable.
    pub async fn settings<H: Host>(&self, host: &H) -> Result<Rc<Settings>, SettingsFaults> {
        let now = host.now();
        if let Some((settings, read)) = &*self.settings.borrow()
            && now.since(*read) < LIFETIME_SECONDS
        {
            return Ok(Rc::clone(settings));
        }
        let settings = Rc::new(Settings::read(host).await?);
        self.settings.replace(Some((Rc::clone(&settings), now)));
        Ok(settings)
    }

    /// Forgets the settings: Entra refused the secret among them, and the operator may have set another.
    pub fn forget_settings(&self) {
        self.settings.take();
    }
}
