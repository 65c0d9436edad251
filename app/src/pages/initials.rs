//! A placeholder for a missing photo.

use askama::Template;

/// A round image with a person's initials.
#[derive(Debug, Template)]
#[template(path = "initials.svg")]
pub(crate) struct Initials(String);

impl Initials {
    /// Of the first and the last word of a name.
    #[must_use]
    pub(crate) fn of(name: &str) -> Self {
        let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
        let (first, last) = (words.next(), words.next_back());
        Self(first.into_iter().chain(last).flat_map(char::to_uppercase).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Initials;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Ada Marsh", "AM"),
            ("Zoë Łukasiewicz-山田", "ZŁ"),
            ("ada van der marsh", "AM"),
            ("山田", "山"),
            ("", ""),
            ("<&> \"x\"", "X"),
        ] {
            assert_eq!(Initials::of(name).0, expected, "{name}");
        }
    }
}
