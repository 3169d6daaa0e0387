//! What stands once: versions, edition, licence and lints are in the root manifest and inherited from it.

use std::{fs, iter};

use cargo_metadata::Metadata;
use toml::{Table, Value};

use crate::Result;

/// The keys of `[package]` that all packages share.
const SHARED: &[&str] = &["version", "edition", "rust-version", "license"];

/// What the manifests of this workspace say for themselves though they should inherit it.
///
/// # Errors
/// A manifest cannot be read.
pub(crate) fn problems(workspace: &Metadata) -> Result<Vec<String>> {
    let mut problems = vec![];
    for package in workspace.workspace_packages() {
        let path = &package.manifest_path;
        let manifest = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let manifest = manifest.parse().map_err(|error| format!("{path}: {error}"))?;
        let name = &package.name;
        problems.extend(not_inherited(&manifest).map(|key| format!("`{name}`: {key} must be inherited")));
    }
    Ok(problems)
}

/// The keys without `workspace = true`.
fn not_inherited(manifest: &Table) -> impl Iterator<Item = String> {
    let package = manifest.get("package");
    let shared = SHARED.iter().map(move |key| (format!("package.{key}"), package.and_then(|it| it.get(key))));
    let lints = iter::once(("lints".to_owned(), manifest.get("lints")));
    let keys = shared.chain(lints).chain(dependencies(manifest).map(|(key, value)| (key, Some(value))));
    keys.filter(|(_, value)| !value.is_some_and(inherits)).map(|(key, _)| key)
}

/// All dependencies, those of some platforms only too.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (String, &Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    tables.flat_map(|table| {
        ["dependencies", "dev-dependencies", "build-dependencies"].into_iter().flat_map(|section| {
            let listed = table.get(section).and_then(Value::as_table).into_iter().flatten();
            listed.map(move |(name, value)| (format!("{section}.{name}"), value))
        })
    })
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INHERITS_ALL: &str = r#"
        [package]
        name = "a"
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true

        [dependencies]
        bytes.workspace = true
        serde = { workspace = true, optional = true }

        [lints]
        workspace = true
    "#;

    fn problems(manifest: &str) -> Vec<String> {
        not_inherited(&manifest.parse().unwrap()).collect()
    }

    #[test]
    fn manifest_that_inherits_all_has_no_problem() {
        assert_eq!(problems(INHERITS_ALL), [""; 0]);
    }

    #[test]
    fn key_with_a_value_of_its_own_is_found() {
        let changed = INHERITS_ALL.replace("edition.workspace = true", r#"edition = "2021""#);
        assert_eq!(problems(&changed), ["package.edition"]);
    }

    #[test]
    fn missing_key_is_found() {
        let changed = INHERITS_ALL.replace("rust-version.workspace = true", "");
        assert_eq!(problems(&changed), ["package.rust-version"]);
    }

    #[test]
    fn lints_of_its_own_are_found() {
        let changed =
            INHERITS_ALL.replace("[lints]\n        workspace = true", "[lints.rust]\nunsafe_code = 'allow'");
        assert_eq!(problems(&changed), ["lints"]);
    }

    #[test]
    fn version_of_its_own_is_found_in_every_section() {
        let more = r#"
            [dev-dependencies]
            proptest = "1"
            [build-dependencies]
            cc = { version = "1", workspace = false }
            [target.'cfg(unix)'.dependencies]
            libc = { path = "libc" }
        "#;
        let expected = ["dev-dependencies.proptest", "build-dependencies.cc", "dependencies.libc"];
        assert_eq!(problems(&format!("{INHERITS_ALL}{more}")), expected);
    }
}
