//! The direction of dependencies: which crates of the workspace may know which others.

use cargo_metadata::{DependencyKind, Metadata};

const CORE: &[&str] = &["cache-core"];
const TIERS: &[&str] = &["cache-file", "cache-memory", "cache-redis", "cache-sqlite"];
const STARTUP: &[&str] = &["startup-lazy", "startup-loader", "startup-migrate"];
const UMBRELLA: &[&str] = &["warmstart"];
const PROGRAMS: &[&str] = &["faults", "gitweek", "migrate-redis", "xtask"];

/// Every crate of the workspace has its place here.
const RULES: &[Rule] = &[
    Rule { of: CORE, may_use: &[], says: "the core knows no other crate" },
    Rule { of: TIERS, may_use: &[CORE], says: "a tier knows the core only" },
    Rule { of: STARTUP, may_use: &[], says: "a start-up crate knows neither the cache nor its siblings" },
    Rule { of: UMBRELLA, may_use: &[CORE, TIERS, STARTUP], says: "the umbrella knows the libraries only" },
    Rule {
        of: PROGRAMS,
        may_use: &[CORE, TIERS, STARTUP, UMBRELLA],
        says: "a program knows no other program",
    },
];

/// What some crates may use of the workspace, be it to run, to build or to test.
struct Rule {
    of: &'static [&'static str],
    may_use: &'static [&'static [&'static str]],
    says: &'static str,
}

impl Rule {
    fn of(package: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.of.contains(&package))
    }

    fn allows(&self, dependency: &str) -> bool {
        self.may_use.iter().any(|group| group.contains(&dependency))
    }
}

/// A package of the workspace and all that it depends on, in the workspace or not.
struct Node<'a> {
    name: &'a str,
    uses: Vec<(DependencyKind, &'a str)>,
}

/// What is wrong with the direction of dependencies in this workspace.
pub(crate) fn problems(workspace: &Metadata) -> Vec<String> {
    let packages = workspace.workspace_packages();
    let nodes = packages.iter().map(|package| Node {
        name: &package.name,
        uses: package.dependencies.iter().map(|used| (used.kind, used.name.as_str())).collect(),
    });
    problems_in(&nodes.collect::<Vec<_>>())
}

fn problems_in(graph: &[Node<'_>]) -> Vec<String> {
    let mut problems = vec![];
    for Node { name, uses } in graph {
        let Some(rule) = Rule::of(name) else {
            problems.push(format!("`{name}` has no rule yet: say what it may use in {}", file!()));
            continue;
        };
        for (kind, used) in uses {
            let in_workspace = graph.iter().any(|node| node.name == *used);
            // A crate may name itself, to turn features of its own on for its tests.
            if in_workspace && used != name && !rule.allows(used) {
                let section = section(*kind);
                problems.push(format!("`{name}` has `{used}` in its {section}, but {}", rule.says));
            }
        }
    }
    problems
}

fn section(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Development => "dev-dependencies",
        DependencyKind::Build => "build-dependencies",
        _ => "dependencies",
    }
}

#[cfg(test)]
mod tests {
    use DependencyKind::{Build, Development, Normal};

    use super::*;

    /// The workspace as it should be, with these edges besides.
    fn problems_with(edges: &[(&'static str, DependencyKind, &'static str)]) -> Vec<String> {
        let right = [
            ("cache-memory", Normal, "cache-core"),
            ("cache-sqlite", Normal, "cache-core"),
            ("cache-sqlite", Development, "cache-core"),
            ("cache-file", Normal, "cache-core"),
            ("warmstart", Normal, "cache-core"),
            ("warmstart", Normal, "cache-sqlite"),
            ("warmstart", Normal, "startup-lazy"),
            ("gitweek", Normal, "warmstart"),
            ("xtask", Normal, "warmstart"),
            ("xtask", Normal, "cache-file"),
            ("startup-lazy", Normal, "once_cell"),
        ];
        let names = RULES.iter().flat_map(|rule| rule.of);
        let node = |&name| {
            let edges = right.iter().chain(edges).filter(|edge| edge.0 == name);
            Node { name, uses: edges.map(|&(_, kind, used)| (kind, used)).collect() }
        };
        problems_in(&names.map(node).collect::<Vec<_>>())
    }

    #[test]
    fn right_graph_has_no_problem() {
        assert_eq!(problems_with(&[]), [""; 0]);
    }

    #[test]
    fn wrong_edge_is_found_and_both_crates_and_the_rule_are_named() {
        let wrong = [
            ("cache-core", "cache-memory", "the core knows no other crate"),
            ("cache-sqlite", "cache-memory", "a tier knows the core only"),
            ("cache-file", "warmstart", "a tier knows the core only"),
            ("startup-lazy", "startup-loader", "a start-up crate knows neither the cache nor its siblings"),
            ("startup-migrate", "cache-core", "a start-up crate knows neither the cache nor its siblings"),
            ("warmstart", "gitweek", "the umbrella knows the libraries only"),
            ("gitweek", "xtask", "a program knows no other program"),
        ];
        let sections =
            [(Normal, "dependencies"), (Build, "build-dependencies"), (Development, "dev-dependencies")];
        for (from, to, rule) in wrong {
            for (kind, section) in sections {
                let expected = format!("`{from}` has `{to}` in its {section}, but {rule}");
                assert_eq!(problems_with(&[(from, kind, to)]), [expected]);
            }
        }
    }

    #[test]
    fn every_wrong_edge_is_told() {
        let wrong = [("cache-core", Normal, "cache-file"), ("cache-file", Development, "cache-memory")];
        assert_eq!(problems_with(&wrong).len(), 2);
    }

    #[test]
    fn crate_without_a_rule_is_found() {
        let problems = problems_in(&[Node { name: "cache-tape", uses: vec![] }]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("`cache-tape` has no rule yet"), "{problems:?}");
    }

    #[test]
    fn crate_may_name_itself() {
        assert_eq!(problems_with(&[("cache-core", Development, "cache-core")]), [""; 0]);
    }

    #[test]
    fn crate_from_elsewhere_is_no_concern() {
        assert_eq!(problems_with(&[("cache-core", Normal, "petgraph")]), [""; 0]);
    }

    #[test]
    fn crate_has_one_rule() {
        let mut names: Vec<_> = RULES.iter().flat_map(|rule| rule.of).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
