//! `files` of a component: the folders of this machine that it can read.
//!
//! Spin copies them when it starts, so that the component never sees a later change. With `--direct-mounts` the component
//! reads the folders themselves. Of Spin's forms this host supports `{ source, destination }` with a folder as the source.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

/// An entry of `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileMount {
    /// The folder, absolute or relative to that of the manifest.
    pub(super) source: PathBuf,
    /// Where the component sees it.
    pub(super) destination: String,
}

/// A folder that a component sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Preopen {
    pub(super) folder: PathBuf,
    pub(super) path: String,
}

/// The folders themselves.
pub(super) fn mounted(mounts: &[FileMount], application: &Path) -> Result<Vec<Preopen>> {
    let preopen = |mount: &FileMount| {
        let folder = application.join(&mount.source);
        ensure!(folder.is_dir(), "{} is not a folder: only folders can be mounted directly", folder.display());
        Ok(Preopen { folder, path: mount.destination.clone() })
    };
    mounts.iter().map(preopen).collect()
}

/// Copies below `assets`, which the component sees as its root.
pub(super) fn copied(mounts: &[FileMount], application: &Path, assets: &Path) -> Result<Vec<Preopen>> {
    if mounts.is_empty() {
        return Ok(Vec::new());
    }
    for mount in mounts {
        let source = application.join(&mount.source);
        ensure!(source.is_dir(), "{} does not exist or is not a folder", source.display());
        if !source.starts_with(application) {
            bail!("{} is outside the application's folder: mount it directly", source.display());
        }
        copy(&source, &assets.join(mount.destination.trim_start_matches('/')))
            .with_context(|| format!("cannot copy {}", source.display()))?;
    }
    Ok(vec![Preopen { folder: assets.to_owned(), path: "/".to_owned() }])
}

/// Copies the files of a folder, and those that links in it point to.
fn copy(source: &Path, destination: &Path) -> Result<()> {
    fs::create_dir_all(destination)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (path, copy_of) = (entry.path(), destination.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &copy_of)?;
        } else if path.is_file() {
            fs::copy(&path, &copy_of)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mount(source: &Path) -> [FileMount; 1] {
        [FileMount { source: source.to_owned(), destination: "/there".to_owned() }]
    }

    #[test]
    fn a_folder_is_mounted_or_copied_with_what_its_links_point_to() {
        let application = tempfile::tempdir().unwrap();
        let folder = application.path().join("tokens");
        fs::create_dir_all(folder.join("..1")).unwrap();
        fs::write(folder.join("..1/token"), "one").unwrap();
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/token", folder.join("token")).unwrap();

        let direct = mounted(&mount(Path::new("tokens")), application.path()).unwrap();
        assert_eq!(direct, [Preopen { folder: folder.clone(), path: "/there".to_owned() }]);

        let assets = tempfile::tempdir().unwrap();
        let copies = copied(&mount(&folder), application.path(), assets.path()).unwrap();
        assert_eq!(copies, [Preopen { folder: assets.path().to_owned(), path: "/".to_owned() }]);
        let copy_of = assets.path().join("there/token");
        assert!(fs::symlink_metadata(&copy_of).unwrap().is_file());
        assert_eq!(fs::read_to_string(copy_of).unwrap(), "one");
    }

    #[test]
    fn what_spin_refuses_is_refused() {
        let [application, outside] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let file = application.path().join("file");
        fs::write(&file, "text").unwrap();
        let assets = application.path().join("assets");
        for (source, of_mount, of_copy) in [
            (application.path().join("missing"), Some("is not a folder"), Some("does not exist")),
            (file, Some("is not a folder"), Some("not a folder")),
            (outside.path().to_owned(), None, Some("outside the application's folder")),
        ] {
            let error = |outcome: Result<Vec<Preopen>>| outcome.err().map(|error| error.to_string());
            for (outcome, words) in [
                (error(mounted(&mount(&source), application.path())), of_mount),
                (error(copied(&mount(&source), application.path(), &assets)), of_copy),
            ] {
                assert_eq!(outcome.is_some(), words.is_some(), "{outcome:?}");
                assert!(outcome.unwrap_or_default().contains(words.unwrap_or_default()));
            }
        }
    }
}
