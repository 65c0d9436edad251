//! Scripts that cargo runs instead of the unpacked programs, which would look for their libraries in `/usr/lib`.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

use anyhow::Result;
use tokio::fs;

/// Writes `bin/rustc` and `bin/cargo-clippy` into the unpacked packages' folder.
pub(super) async fn write(directory: &Path) -> Result<()> {
    let programs = directory.join("bin");
    fs::create_dir_all(&programs).await?;
    let libraries = library_folders(directory).await?;
    for (program, preparation) in [("rustc", C_LIBRARY), ("cargo-clippy", "")] {
        let path = programs.join(program);
        fs::write(&path, script(program, preparation, &libraries)).await?;
        fs::set_permissions(&path, Permissions::from_mode(0o755)).await?;
    }
    Ok(())
}

/// Not in `RUSTFLAGS`, which would replace flags that the project or a developer sets.
const C_LIBRARY: &str = r#"case " $* " in
*" wasm32-wasip2 "*) set -- "$@" -Clink-self-contained=no -L "$here/usr/lib/wasm32-wasi" ;;
esac
"#;

/// Finds everything relative to itself, so that the folder can be moved.
fn script(program: &str, preparation: &str, libraries: &[String]) -> String {
    let libraries: Vec<String> = libraries.iter().map(|folder| format!("$here/{folder}")).collect();
    let libraries = libraries.join(":");
    format!(
        r#"#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
export LD_LIBRARY_PATH="{libraries}"
{preparation}exec "$here/usr/bin/{program}" "$@"
"#
    )
}

/// Every folder of shared libraries, relative to `directory`: `usr/lib/<architecture>`, `usr/lib/llvm-<version>/lib`.
async fn library_folders(directory: &Path) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    let mut entries = fs::read_dir(directory.join("usr/lib")).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("-linux-") {
            folders.push(format!("usr/lib/{name}"));
        } else if name.starts_with("llvm-") {
            folders.push(format!("usr/lib/{name}/lib"));
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;
    use crate::{programs::output_of, workspace::TARGET};

    #[tokio::test]
    async fn programs_find_their_libraries_after_the_folder_has_moved() {
        let parent = tempfile::tempdir().unwrap();
        let first_place = parent.path().join("first place");
        for folder in ["usr/lib/x86_64-linux-gnu", "usr/lib/llvm-99/lib", "usr/lib/rustlib", "usr/bin"] {
            fs::create_dir_all(first_place.join(folder)).await.unwrap();
        }
        let compiler = first_place.join("usr/bin/rustc");
        fs::write(&compiler, "#!/bin/sh\necho \"$LD_LIBRARY_PATH\"\nprintf '%s|' \"$@\"\n").await.unwrap();
        fs::set_permissions(&compiler, Permissions::from_mode(0o755)).await.unwrap();
        write(&first_place).await.unwrap();
        let place = parent.path().join("second place");
        fs::rename(&first_place, &place).await.unwrap();

        let mut rustc = Command::new(place.join("bin/rustc"));
        let printed = output_of(rustc.args(["--target", TARGET, "a b"])).await.unwrap();

        let here = place.display();
        assert_eq!(
            printed,
            format!(
                "{here}/usr/lib/llvm-99/lib:{here}/usr/lib/x86_64-linux-gnu\n\
                 --target|{TARGET}|a b|-Clink-self-contained=no|-L|{here}/usr/lib/wasm32-wasi|"
            )
        );
    }
}
