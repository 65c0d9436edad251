//! Settings from text: loaded, checked, and every fault reported at once.

use std::{collections::BTreeMap, ops::RangeInclusive};

use futures::future::join_all;

use crate::{
    credential::client_credential::ClientCredential,
    deadline::{Deadline, within},
    host::{Host, VariableUnavailable},
    settings::fault::{NO_ANSWER, SettingFault, SettingsFaults},
};

/// Values by name, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Reader {
    values: BTreeMap<&'static str, Result<String, VariableUnavailable>>,
    faults: BTreeMap<&'static str, SettingFault>,
}

impl Reader {
    /// Reads variables of the host concurrently, and waits for none beyond `by`.
    pub async fn load<H: Host>(&mut self, host: &H, names: &[&'static str], by: Deadline) {
        let loaded = names.iter().map(|name| async {
            let value = within(host, by.remaining(host), host.variable(name)).await;
            (*name, value.unwrap_or_else(|_| Err(VariableUnavailable::Unreadable(NO_ANSWER.to_owned()))))
        });
        self.values.extend(join_all(loaded).await);
    }

    /// The same for settings that the operator may leave out: each has its value if the host has none of that name.
    pub async fn load_optional<H: Host>(&mut self, host: &H, defaults: &[(&'static str, &str)], by: Deadline) {
        let names: Vec<_> = defaults.iter().map(|(name, _)| *name).collect();
        self.load(host, &names, by).await;
        for (name, default) in defaults {
            if let Some(value @ Err(VariableUnavailable::Undefined(_))) = self.values.get_mut(name) {
                *value = Ok((*default).to_owned());
            }
        }
    }

    /// Takes a value that was read elsewhere.
    pub fn insert(&mut self, name: &'static str, value: Result<String, VariableUnavailable>) {
        self.values.insert(name, value);
    }

    /// The value as it was set, if it was read.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.verbatim(name).ok()
    }

    /// The parsed value, or `None` and a fault on the list.
    pub fn parse<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let parsed = self.text(name).and_then(|text| parse(text).map_err(SettingFault::Wrong));
        parsed.map_err(|fault| self.faults.insert(name, fault)).ok()
    }

    /// The value as it was set, checked only by `parse`: a secret may have characters that no other setting has.
    pub fn parse_verbatim<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = self.verbatim(name).and_then(|text| parse(text).map_err(SettingFault::Wrong));
        parsed.map_err(|fault| self.faults.insert(name, fault)).ok()
    }

    /// Adds a fault that only shows in combination with other settings.
    pub fn blame(&mut self, name: &'static str, words: &str) {
        self.faults.insert(name, SettingFault::Wrong(words.to_owned()));
    }

    /// The settings made of the parsed values, unless there is a fault.
    ///
    /// # Errors
    /// All faults together, each with what to set.
    pub fn finish<T>(self, settings: Option<T>) -> Result<T, SettingsFaults> {
        match settings {
            Some(settings) if self.faults.is_empty() => Ok(settings),
            _ => Err(SettingsFaults(self.faults)),
        }
    }

    fn verbatim(&self, name: &str) -> Result<&str, SettingFault> {
        match self.values.get(name) {
            Some(Ok(text)) => Ok(text),
            Some(Err(fault)) => Err(fault.clone().into()),
            None => Err(SettingFault::Unreadable("it is not among those that are read".to_owned())),
        }
    }

    fn text(&self, name: &str) -> Result<&str, SettingFault> {
        let text = self.verbatim(name)?;
        match flaw(text) {
            Some(words) => Err(SettingFault::Wrong(words.to_owned())),
            None => Ok(text),
        }
    }
}

impl SettingsFaults {
    /// Adds what is wrong with the client credential, which is otherwise read only when it is needed, so that the operator
    /// learns of all faults at once.
    pub async fn add_fault_of_credential<H: Host>(&mut self, host: &H, by: Deadline) {
        // The operator's name for the value, and the component's for what `spin.toml` does not give it.
        let (name, fault) = match within(host, by.remaining(host), host.variable("client_secret")).await {
            Ok(Ok(text)) => match ClientCredential::parse(text) {
                Ok(_) => return,
                Err(fault) => ("clientsecret", SettingFault::Wrong(fault.to_owned())),
            },
            Ok(Err(fault @ VariableUnavailable::Undefined(_))) => ("client_secret", fault.into()),
            Ok(Err(fault)) => ("clientsecret", fault.into()),
            Err(_) => ("clientsecret", SettingFault::Unreadable(NO_ANSWER.to_owned())),
        };
        self.0.insert(name, fault);
    }
}

/// What is wrong with a value whatever it is for: characters that came with it by mistake, or a placeholder.
fn flaw(text: &str) -> Option<&'static str> {
    let is_quoted =
        ['"', '\'', '`'].iter().any(|mark| text.len() > 1 && text.starts_with(*mark) && text.ends_with(*mark));
    let is_placeholder = text.starts_with('<') && text.ends_with('>')
        || text == "..."
        || ["${", "{{", "$(", "YOUR"].iter().any(|part| text.contains(part));
    Some(if text.trim() != text {
        "has spaces or line breaks around it; remove them"
    } else if text.contains(['\n', '\r', '\t']) {
        "has a line break or a tab in it; separate values by spaces or commas"
    } else if text.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        "has a character that is not printable ASCII, perhaps an invisible one such as a byte order mark or a zero-width \
         space; retype it"
    } else if is_quoted {
        "is in quotation marks; remove them"
    } else if is_placeholder {
        "is still a placeholder; set its value"
    } else {
        return None;
    })
}

/// Values separated by spaces or commas, each of them once.
///
/// # Errors
/// What is wrong with the first wrong one, which is named by its position.
pub fn list<T: PartialEq>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    for (item, place) in text.split([' ', ',']).filter(|item| !item.is_empty()).zip(1_usize..) {
        let value = parse(item).map_err(|fault| format!("item {place} {fault}"))?;
        if values.contains(&value) {
            return Err(format!("item {place} repeats an earlier one; remove it"));
        }
        values.push(value);
    }
    Ok(values)
}

/// A number in its shortest form, so that nobody wonders what a sign, a separator or a leading zero means.
///
/// # Errors
/// The numbers that are allowed.
pub fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let value = text.parse().ok().filter(|value: &u32| value.to_string() == text && range.contains(value));
    value.ok_or_else(|| format!("is not a whole number from {} to {}, in digits only", range.start(), range.end()))
}

/// `on` or `off`.
///
/// # Errors
/// What to set.
pub fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("is neither on nor off; set one of the two".to_owned()),
    }
}
