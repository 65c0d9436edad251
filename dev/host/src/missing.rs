//! Interfaces that this host does not offer.
//!
//! Components of some languages import everything that Spin has, whether they use it or not. So they start, and a call to
//! what is not there traps, with its name in the log.

use wasmtime::{
    Engine, Result,
    component::{Component, Linker, ResourceType, types::ComponentItem},
    format_err,
};

use super::instance::InstanceState;

/// The packages and interfaces that this host offers, in some versions.
const OFFERED: [&str; 9] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
    "spin:key-value/key-value@3.",
    "spin:variables/variables@3.",
];

/// Makes every function of the other interfaces that `component` imports a trap.
pub(super) fn trap_when_called(
    linker: &mut Linker<InstanceState>,
    engine: &Engine,
    component: &Component,
) -> Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        if is_offered(name) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (export, item) in interface.exports(engine) {
            let message = format!("the embedded host does not offer {export} of {name}: run with --spin");
            match item.ty {
                ComponentItem::ComponentFunc(function) if function.async_() => {
                    instance.func_new_concurrent(export, move |_, _, _, _| {
                        let error = format_err!("{message}");
                        Box::pin(async { Err(error) })
                    })?;
                }
                ComponentItem::ComponentFunc(_) => {
                    instance.func_new(export, move |_, _, _, _| Err(format_err!("{message}")))?;
                }
                ComponentItem::Resource(_) => {
                    instance.resource(export, ResourceType::host::<()>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Release candidates have types of their own.
fn is_offered(interface: &str) -> bool {
    OFFERED.iter().any(|offered| interface.starts_with(offered)) && !interface.contains("-rc-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_known_by_package_and_version() {
        for (interface, expected) in [
            ("wasi:http/types@0.3.0", true),
            ("wasi:http/types@0.2.12", true),
            ("wasi:http/types@0.3.0-rc-2026-03-15", false),
            ("wasi:keyvalue/store@0.2.0-draft2", false),
            ("spin:variables/variables@3.0.0", true),
            ("spin:variables/variables@2.0.0", false),
            ("spin:sqlite/sqlite@3.1.0", false),
            ("fermyon:spin/key-value@2.0.0", false),
        ] {
            assert_eq!(is_offered(interface), expected, "{interface}");
        }
    }
}
