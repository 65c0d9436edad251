//! Where the settings come from, and when they are read again.

use std::{cell::RefCell, rc::Rc, time::Duration};

use crate::{
    credential::source::CredentialSource,
    host::Host,
    instance::Instance,
    log_line,
    refusal::error::Error,
    settings::{SettingFault, Settings, SettingsFaults},
    upstream::back_off::{Decision, Kept},
    upstream::call::Deadline,
    upstream::single_flight::SingleFlight,
};

/// The longest wait for the variables, which are read at the same time. Any of them may be in Key Vault, which Spin asks
/// anew at each reading, and Spin's own retries would go on for a minute.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// How long settings are used before the variables are read again. Reading them costs a call to the host for each.
const FRESH: Duration = Duration::from_secs(300);

/// The longest that settings are used after they were read: most outages of a variable provider are shorter, and what the
/// operator took back is not granted for longer.
const USABLE: Duration = Duration::from_secs(3600);

/// The settings last read.
#[derive(Debug)]
pub struct SettingsSource {
    kept: RefCell<Kept<Rc<Settings>, Error>>,
    flights: SingleFlight<(), Result<Rc<Settings>, Error>>,
}

impl Default for SettingsSource {
    fn default() -> Self {
        // A request that came later has more time than the one whose time has run out.
        let flights = SingleFlight::sharing(|outcome| !matches!(outcome, Err(Error::DeadlinePassed)));
        Self { kept: RefCell::default(), flights }
    }
}

impl SettingsSource {
    /// The settings, for a request that began at this moment of [`Host::elapsed`]. Those that were read before are renewed
    /// in the background.
    ///
    /// # Errors
    /// [`Error::Settings`] with every faulty variable, the secret included if others have wrong values;
    /// [`Error::DeadlinePassed`] if the time that the operator gives a request has passed.
    pub async fn current<H: Host>(
        &self,
        instance: &Rc<Instance>,
        host: &H,
        begun: Duration,
    ) -> Result<Rc<Settings>, Error> {
        let decision = self.kept.borrow().decide(begun);
        match decision {
            Decision::Use(settings) => Ok(settings),
            Decision::UseAndRenew(settings) => {
                self.renew_in_background(instance, host);
                Ok(settings)
            }
            Decision::Refuse(pause) => Err(pause.error),
            Decision::Fetch => self.read(instance, host, begun).await,
        }
    }

    async fn read<H: Host>(&self, instance: &Instance, host: &H, begun: Duration) -> Result<Rc<Settings>, Error> {
        let deadline = Deadline::after(begun, READ_TIMEOUT);
        let work = async || {
            let outcome = match Settings::read(host, begun, READ_TIMEOUT).await {
                Ok(settings) => Ok(Rc::new(settings)),
                Err(mut faults) => {
                    if !faults.may_pass() {
                        add_fault_of_secret(&mut faults, &instance.credential, host, deadline).await;
                    }
                    Err(Error::Settings(faults))
                }
            };
            let now = host.elapsed();
            let mut kept = self.kept.borrow_mut();
            match &outcome {
                Ok(settings) => kept.hold(Rc::clone(settings), now, FRESH, USABLE),
                Err(error) => {
                    // Settings that the operator has changed to wrong ones are not served by the former ones.
                    if matches!(error, Error::Settings(faults) if !faults.may_pass()) {
                        kept.forget();
                    }
                    kept.back_off.failed(error.clone(), now, None);
                }
            }
            outcome
        };
        self.flights.run(host, deadline, (), work).await.unwrap_or(Err(Error::DeadlinePassed))
    }

    fn renew_in_background<H: Host>(&self, instance: &Rc<Instance>, host: &H) {
        if self.flights.is_running(&()) {
            return;
        }
        let (instance, own) = (Rc::clone(instance), host.clone());
        host.spawn(async move {
            if let Err(Error::Settings(faults)) = instance.settings.read(&instance, &own, own.elapsed()).await {
                log_line::settings_faults(&own, &faults);
            }
        });
    }
}

/// The secret is read when it is needed, and also when others are wrong, so that the operator learns of all at once.
async fn add_fault_of_secret<H: Host>(
    faults: &mut SettingsFaults,
    credential: &Rc<CredentialSource>,
    host: &H,
    deadline: Deadline,
) {
    let fault = match credential.current(host, deadline).await {
        Err(Error::Credential(fault)) => SettingFault::Wrong(fault.to_owned()),
        Err(Error::VariableUnavailable { reason, .. }) => SettingFault::Unreadable(reason),
        _ => return,
    };
    faults.0.insert("clientsecret", fault);
}
