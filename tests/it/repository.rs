//! The repository's own files, for tests that compare documents and settings with the code.

use std::path::{Path, PathBuf};

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace").to_owned()
}

/// A file's text.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files below a folder, by path.
pub(crate) fn rust_sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no Rust files");
    found
}

/// The variables that the programs read: the names given to `required`, `optional` and their like in both configurations.
pub(crate) fn variables() -> std::collections::BTreeSet<String> {
    let mut names = std::collections::BTreeSet::new();
    let shared = ["common/src/redis_server.rs", "common/src/telemetry.rs", "worker/src/postgres.rs"];
    for file in ["gateway/src/config.rs", "worker/src/config.rs"].into_iter().chain(shared) {
        let text = read(file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for quoted in code.split('"').skip(1).step_by(2) {
            let name = quoted.contains(|c: char| c.is_ascii_uppercase())
                && quoted.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                && quoted.len() > 3;
            if name {
                names.insert(quoted.to_owned());
            }
        }
    }
    names
}
