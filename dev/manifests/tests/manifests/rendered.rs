//! The rendered overlays, or a message why there are none.

use std::collections::BTreeMap;

use deployment_manifests::kustomize::{OVERLAYS, is_installed, objects, render};
use serde_json::Value;
use tokio::sync::OnceCell;

type Overlays = BTreeMap<&'static str, Vec<Value>>;

/// The objects of every overlay; `None`, with a message, where `kubectl` is not installed.
pub(crate) async fn overlays() -> Option<&'static Overlays> {
    static RENDERED: OnceCell<Option<Overlays>> = OnceCell::const_new();
    let overlays = RENDERED.get_or_init(render_all).await.as_ref();
    if overlays.is_none() {
        eprintln!("skipped: kubectl is not installed");
    }
    overlays
}

async fn render_all() -> Option<Overlays> {
    if !is_installed().await {
        return None;
    }
    let mut overlays = Overlays::new();
    for overlay in OVERLAYS {
        overlays.insert(overlay, objects(&render(overlay).await.unwrap()).unwrap());
    }
    Some(overlays)
}

pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

/// Whether a cluster knows the kind only with an operator.
pub(crate) fn is_custom(object: &Value) -> bool {
    let group = text(object, "/apiVersion").split('/').next().unwrap_or_default();
    ["core.spinkube.dev", "cilium.io"].contains(&group)
}

/// `object` with the value at `pointer` replaced; a `new` of null removes it.
pub(crate) fn changed(object: &Value, pointer: &str, new: Value) -> Value {
    let mut object = object.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = new,
        Value::Object(members) if new.is_null() => drop(members.remove(name).unwrap()),
        Value::Object(members) => drop(members.insert(name.to_owned(), new)),
        _ => panic!("{parent} has no {name}"),
    }
    object
}
