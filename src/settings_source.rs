//! Where the settings come from, and when they are read again.

use std::{cell::RefCell, rc::Rc, time::Duration};

use crate::{
    credential_source::CredentialSource,
    error::Error,
    host::{Host, UnixTime},
    instance::Instance,
    log_line,
    settings::{SettingFault, Settings, SettingsFaults},
    single_flight::SingleFlight,
    upstream::Deadline,
};

/// The longest wait for the variables, which are read at the same time. Any of them may be in Key Vault, which Spin asks
/// anew at each reading, and Spin's own retries would go on for a minute.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// How long settings are used before the variables are read again. Reading them costs a call to the host for each.
const LIFETIME_SECONDS: u64 = 300;

/// How soon variables that could not be read are tried again while the settings of an earlier reading serve.
const RETRY_SECONDS: u64 = 30;

/// The longest that settings serve after they were read: an outage of a variable provider is mostly over by then, and
/// what the operator took back is not granted for longer.
const MAX_AGE_SECONDS: u64 = 3600;

/// The settings last read.
#[derive(Debug, Default)]
pub struct SettingsSource {
    held: RefCell<Option<Held>>,
    flights: SingleFlight<(), Result<Rc<Settings>, SettingsFaults>>,
}

#[derive(Debug)]
struct Held {
    settings: Rc<Settings>,
    read: UnixTime,
    read_again: UnixTime,
}

impl SettingsSource {
    /// The settings, if they were read already. They are read again beside a request, which does not wait for it.
    pub fn at_hand<H: Host>(&self, instance: &Rc<Instance>, host: &H, now: UnixTime) -> Option<Rc<Settings>> {
        let mut held = self.held.borrow_mut();
        let held = held.as_mut().filter(|held| now.since(held.read) < MAX_AGE_SECONDS)?;
        if now >= held.read_again {
            held.read_again = now.plus(RETRY_SECONDS);
            read_beside(instance, host);
        }
        Some(Rc::clone(&held.settings))
    }

    /// The settings, where none are at hand. Nothing is remembered of a failure, so that a mended variable counts at
    /// once.
    ///
    /// # Errors
    /// [`Error::Settings`] with every faulty variable, the secret included if others have wrong values.
    pub async fn read_first<H: Host>(&self, instance: &Rc<Instance>, host: &H) -> Result<Rc<Settings>, Error> {
        let deadline = Deadline::after(host.elapsed(), READ_TIMEOUT);
        match self.read(host, deadline).await {
            Some(Ok(settings)) => Ok(settings),
            Some(Err(mut faults)) => {
                if !faults.may_pass() {
                    add_fault_of_secret(&mut faults, &instance.credential_source, host, deadline).await;
                }
                Err(Error::Settings(faults))
            }
            None => Err(Error::DeadlinePassed),
        }
    }

    async fn read<H: Host>(&self, host: &H, deadline: Deadline) -> Option<Result<Rc<Settings>, SettingsFaults>> {
        let work = async || {
            let outcome = Settings::read(host, READ_TIMEOUT).await.map(Rc::new);
            let now = host.now();
            match &outcome {
                Ok(settings) => {
                    let settings = Rc::clone(settings);
                    self.held.replace(Some(Held { settings, read: now, read_again: now.plus(LIFETIME_SECONDS) }));
                }
                Err(faults) if faults.may_pass() => {}
                // What the operator has set since is wrong: the next request says so.
                Err(_) => {
                    self.held.replace(None);
                }
            }
            outcome
        };
        self.flights.run(host, deadline, (), work).await
    }
}

fn read_beside<H: Host>(instance: &Rc<Instance>, host: &H) {
    let (instance, own) = (Rc::clone(instance), host.clone());
    host.spawn(async move {
        let deadline = Deadline::after(own.elapsed(), READ_TIMEOUT);
        if let Some(Err(faults)) = instance.settings.read(&own, deadline).await {
            log_line::settings_faults(&own, &faults);
        }
    });
}

/// The secret is read when it is needed, and also when others are wrong, so that the operator learns of all at once.
async fn add_fault_of_secret<H: Host>(
    faults: &mut SettingsFaults,
    credential_source: &CredentialSource,
    host: &H,
    deadline: Deadline,
) {
    let fault = match credential_source.current(host, deadline).await {
        Err(Error::Credential(fault)) => SettingFault::Wrong(fault.to_owned()),
        Err(Error::VariableUnavailable { reason, .. }) => SettingFault::Unreadable(reason),
        _ => return,
    };
    faults.0.insert("clientsecret", fault);
}
