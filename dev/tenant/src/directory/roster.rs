//! Who is in the directories, and how that changes while the emulator runs.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

use super::person::Person;

/// All people.
#[derive(Default)]
pub(crate) struct Roster(RwLock<State>);

#[derive(Default)]
struct State {
    /// Those that sign-in pages list, by name.
    listed: Vec<String>,
    by_object_id: HashMap<String, Arc<Person>>,
    object_ids: HashMap<String, String>,
}

impl Roster {
    /// Adds people whom sign-in pages list, each under a name of their own.
    pub(crate) fn add(&self, people: impl IntoIterator<Item = Person>) {
        let mut state = self.0.write();
        for person in people {
            state.listed.retain(|name| *name != person.name);
            state.listed.push(person.name.clone());
            state.insert(person);
        }
    }

    /// Adds people whom no page lists. Their names need not differ.
    pub(crate) fn add_unlisted(&self, people: impl IntoIterator<Item = Person>) {
        let mut state = self.0.write();
        people.into_iter().for_each(|person| state.insert(person));
    }

    /// Those that sign-in pages list, in order.
    pub(crate) fn listed(&self) -> Vec<Arc<Person>> {
        let state = self.0.read();
        state.listed.iter().filter_map(|name| state.by_name(name)).collect()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Person>> {
        self.0.read().by_name(name)
    }

    pub(crate) fn by_object_id(&self, object_id: &str) -> Option<Arc<Person>> {
        self.0.read().by_object_id.get(object_id).cloned()
    }

    /// Changes the person called `name`; `None` when there is none.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Person)) -> Option<Arc<Person>> {
        let mut state = self.0.write();
        let mut person = Person::clone(&*state.by_name(name)?);
        change(&mut person);
        state.insert(person);
        state.by_name(name)
    }

    /// Removes the person called `name`; `false` when there is none.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut state = self.0.write();
        state.listed.retain(|listed| listed != name);
        let object_id = state.object_ids.remove(name);
        object_id.is_some_and(|object_id| state.by_object_id.remove(&object_id).is_some())
    }
}

impl State {
    fn insert(&mut self, person: Person) {
        self.object_ids.insert(person.name.clone(), person.object_id.clone());
        self.by_object_id.insert(person.object_id.clone(), Arc::new(person));
    }

    fn by_name(&self, name: &str) -> Option<Arc<Person>> {
        self.by_object_id.get(self.object_ids.get(name)?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            people::{DOMAIN, people},
            person::ExchangeRule,
        },
        *,
    };

    #[test]
    fn people_are_changed_and_removed_by_name() {
        let roster = Roster::default();
        roster.add(people("home", DOMAIN, "elsewhere"));
        let ada = roster.by_name("ada").unwrap();
        let changed = roster.change("ada", |person| person.exchange = ExchangeRule::Blocked).unwrap();
        assert_eq!(changed.object_id, ada.object_id);
        assert_eq!(roster.by_object_id(&ada.object_id).unwrap().exchange, ExchangeRule::Blocked);
        let count = roster.listed().len();
        assert!(roster.remove("ada") && !roster.remove("ada"));
        assert!(roster.by_object_id(&ada.object_id).is_none() && roster.change("ada", |_| ()).is_none());
        assert_eq!(roster.listed().len(), count - 1);
    }
}
