//! Values with variables of the application in them.

/// The variables that a template has in it.
pub(super) fn variables_of(template: &str) -> impl Iterator<Item = &str> {
    template.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim()))
}
