//! Every published library, alone, with no feature, its default ones, and each one alone.
//!
//! Over a whole workspace cargo builds each crate once with all the features that anyone asks for, so a
//! crate that forgot to ask for what it uses builds there and breaks at its users. Here it is found.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{Metadata, Package};

use super::{Result, cargo::Cargo};

/// The features of a package, each with what it turns on; as in `cargo metadata`.
type Features = BTreeMap<String, Vec<String>>;

/// Builds and tests each library with each of its sets of features; leaves the set of all features out
/// if that `all_is_tested` already.
///
/// Everything goes to the one target directory, which keeps a crate once per set of features: nothing is
/// built twice, in whichever order.
pub(crate) fn check(workspace: &Metadata, all_is_tested: bool) -> Result {
    let mut packages = workspace.workspace_packages();
    packages.retain(|package| is_published_library(package));
    // By name a crate comes after those it uses, so the first failure is at its cause.
    packages.sort_by(|a, b| a.name.cmp(&b.name));

    for package in packages {
        for flags in sets(&package.features, all_is_tested) {
            let package = format!("--package {} {flags}", package.name);
            // Without --all-targets, so that features which only dev-dependencies ask for are off; and
            // clippy rather than build, so that what is unused in this set alone is found too.
            Cargo::new(&format!("clippy {package} --no-deps -- -D warnings")).run()?;
            Cargo::new(&format!("test {package}")).run()?;
        }
    }
    Ok(())
}

fn is_published_library(package: &Package) -> bool {
    let published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
    published && package.targets.iter().any(|target| target.is_lib())
}

/// The sets of features to try, as flags for cargo. Of several names for one set, the first stays.
fn sets(features: &Features, all_is_tested: bool) -> Vec<String> {
    let mut sets = vec![("--no-default-features".to_owned(), BTreeSet::new())];
    if features.contains_key("default") {
        sets.push((String::new(), turned_on(features, ["default"])));
    }
    for name in features.keys().filter(|&name| name != "default") {
        sets.push((format!("--no-default-features --features {name}"), turned_on(features, [name])));
    }
    // If one feature alone is all of them, it stays: over the whole workspace it was not tested alone.
    if !all_is_tested {
        sets.push(("--all-features".to_owned(), turned_on(features, features.keys())));
    }
    let mut seen = BTreeSet::new();
    sets.retain(|(_, set)| seen.insert(set.clone()));
    sets.into_iter().map(|(flags, _)| flags).collect()
}

/// All that `names` turn on, directly or not. `default` is left out, as it is a name for others only.
fn turned_on<'a, N>(features: &'a Features, names: impl IntoIterator<Item = &'a N>) -> BTreeSet<&'a str>
where
    N: AsRef<str> + ?Sized + 'a,
{
    let mut on = BTreeSet::new();
    let mut open: Vec<&str> = names.into_iter().map(AsRef::as_ref).collect();
    while let Some(name) = open.pop() {
        if on.insert(name) {
            open.extend(features.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    on.remove("default");
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(list: &[(&str, &[&str])]) -> Features {
        let own = |(name, on): &(&str, &[&str])| {
            ((*name).to_owned(), on.iter().map(|&name| name.to_owned()).collect())
        };
        list.iter().map(own).collect()
    }

    #[test]
    fn each_feature_is_tried_alone() {
        let features = features(&[("default", &["a"]), ("a", &["dep:x"]), ("b", &[]), ("c", &["b"])]);
        let expected = [
            "--no-default-features",
            "",
            "--no-default-features --features b",
            "--no-default-features --features c",
            "--all-features",
        ];
        assert_eq!(sets(&features, false), expected);
        assert_eq!(sets(&features, true), expected[..4]);
    }

    #[test]
    fn package_without_features_is_tried_once() {
        assert_eq!(sets(&features(&[]), false), ["--no-default-features"]);
        assert_eq!(sets(&features(&[("default", &[])]), false), ["--no-default-features"]);
    }

    #[test]
    fn only_feature_is_tried_alone_even_if_all_is_tested() {
        let expected = ["--no-default-features", "--no-default-features --features a"];
        let features = features(&[("a", &[])]);
        assert_eq!(sets(&features, true), expected);
        assert_eq!(sets(&features, false), expected);
    }

    #[test]
    fn features_that_turn_each_other_on_come_to_an_end() {
        let features = features(&[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(sets(&features, true).len(), 2);
    }
}
