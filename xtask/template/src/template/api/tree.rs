//! The tree of paths that the gateway routes by, and the logical ids of its parts.
//!
//! The gateway walks down the tree segment by segment. At each step it prefers a literal child to a
//! variable, and a variable to a greedy one. Every node without a variable child gets a greedy child,
//! so that an unknown path ends at a catch-all wherever it leaves the known ones. A node with a
//! variable child needs no greedy one, since the variable matches any segment, and the gateway allows
//! only one of the two.

use std::collections::{BTreeMap, BTreeSet};

use stratosphere::value::ExpString;
use users_contract::Operation;

use crate::template::envelope::{attribute, reference};
use crate::template::names::{API, pascal_case};

/// The path of the API's root.
pub(super) const ROOT: &str = "/";

/// The segment that takes all the rest of a path.
pub(super) const GREEDY: &str = "{proxy+}";

/// One path that the gateway knows.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The whole path, with variables in braces.
    pub(super) path: String,
    /// The path one segment shorter; `None` for the root.
    pub(super) parent: Option<String>,
    /// The operations of exactly this path, in the order of the contract.
    pub(super) operations: Vec<&'static Operation>,
}

impl Node {
    /// The last segment.
    pub(super) fn part(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The methods of the operations here, as a header lists them.
    pub(super) fn methods(&self) -> String {
        let names: BTreeSet<_> = self.operations.iter().map(|row| row.method.as_str()).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// All nodes: the paths of the operations, the paths above them, and the catch-alls.
pub(super) fn nodes(operations: &'static [Operation]) -> Vec<Node> {
    let mut children: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    children.insert(ROOT.to_owned(), BTreeSet::new());
    for operation in operations {
        let mut parent = ROOT.to_owned();
        for segment in operation.path.split('/').filter(|segment| !segment.is_empty()) {
            let path = join(&parent, segment);
            children.entry(parent).or_default().insert(path.clone());
            children.entry(path.clone()).or_default();
            parent = path;
        }
    }
    let node = |path: String, parent: Option<&String>| Node {
        operations: operations.iter().filter(|row| row.path == path).collect(),
        parent: parent.cloned(),
        path,
    };
    let mut nodes = vec![node(ROOT.to_owned(), None)];
    for (parent, paths) in &children {
        nodes.extend(paths.iter().map(|path| node(path.clone(), Some(parent))));
        if !paths.iter().any(|path| path.ends_with('}')) {
            nodes.push(node(join(parent, GREEDY), Some(parent)));
        }
    }
    nodes
}

fn join(parent: &str, segment: &str) -> String {
    format!("{}/{segment}", parent.trim_end_matches('/'))
}

/// The common prefix of the logical ids of a path.
pub(super) fn stem(path: &str) -> String {
    if path == ROOT {
        return "Root".to_owned();
    }
    pascal_case(&path.replace(GREEDY, "unknown"))
}

/// The logical id of a path's resource.
pub(super) fn resource_id(path: &str) -> String {
    format!("{}Resource", stem(path))
}

/// The resource of a path, to which its methods belong.
pub(super) fn resource(path: &str) -> ExpString {
    if path == ROOT { attribute(API, "RootResourceId") } else { reference(&resource_id(path)) }
}

/// The logical id of a schema's model.
pub(super) fn model_id(schema: &str) -> String {
    format!("{schema}Model")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use users_contract::{OPERATIONS, Operation};

    use super::{GREEDY, nodes};

    #[test]
    fn a_path_that_leaves_the_tree_meets_a_catch_all() {
        let nodes = nodes(OPERATIONS);
        let mut variables: BTreeMap<String, usize> = BTreeMap::new();
        for node in nodes.iter().filter(|node| node.part().ends_with('}')) {
            *variables.entry(node.parent.clone().unwrap_or_default()).or_default() += 1;
        }
        for node in nodes.iter().filter(|node| node.part() != GREEDY) {
            let below = variables.get(&node.path);
            assert_eq!(below, Some(&1), "{} needs exactly one variable child", node.path);
        }
    }

    #[test]
    fn a_path_between_others_is_a_node_without_operations() {
        const DEEP: &[Operation] = &[Operation { path: "/a/b/{c}", ..OPERATIONS[0] }];
        let found: BTreeMap<_, _> =
            nodes(DEEP).into_iter().map(|node| (node.path, node.operations.len())).collect();
        let expected = [
            ("/", 0),
            ("/a", 0),
            ("/a/b", 0),
            ("/a/b/{c}", 1),
            ("/a/b/{c}/{proxy+}", 0),
            ("/a/{proxy+}", 0),
            ("/{proxy+}", 0),
        ];
        assert_eq!(found, expected.map(|(path, count)| (path.to_owned(), count)).into());
    }

    #[test]
    fn parents_come_before_their_children() {
        let mut seen = BTreeSet::new();
        for node in nodes(OPERATIONS) {
            if let Some(parent) = &node.parent {
                assert!(seen.contains(parent), "{} before {parent}", node.path);
            }
            seen.insert(node.path);
        }
    }
}
