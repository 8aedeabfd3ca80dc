//! Finding the resource of a path, as API Gateway does: at each segment a fixed text wins over a
//! `{variable}`, and that over a greedy `{proxy+}`, without backtracking.

use crate::template::ResourcePlan;
use anyhow::Context;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// The tree of resources.
#[derive(Debug)]
pub(super) struct Routes {
    root: Node,
}

/// The route of a path.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Route {
    /// The id of the resource.
    pub(super) resource: String,
    /// Its path with variables, `/users/{userId}`.
    pub(super) path: String,
    /// The values of the variables as sent, percent-encoded, as on AWS.
    pub(super) parameters: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Node {
    resource: String,
    path: String,
    fixed: BTreeMap<String, Node>,
    variable: Option<(String, Box<Node>)>,
    greedy: Option<(String, Box<Node>)>,
}

impl Routes {
    /// Builds the tree.
    pub(super) fn new(resources: &BTreeMap<String, ResourcePlan>) -> anyhow::Result<Self> {
        let (root, _) = resources
            .iter()
            .find(|(_, resource)| resource.parent.is_none())
            .context("the REST API has no root resource")?;
        for (id, resource) in resources {
            if let Some(parent) = &resource.parent
                && !resources.contains_key(parent)
            {
                anyhow::bail!("the resource {id} has the parent {parent}, which does not exist");
            }
        }
        Ok(Self { root: Node::build(root, "", resources) })
    }

    /// The resource of a path below the stage, `/` at least.
    pub(super) fn find(&self, path: &str) -> Option<Route> {
        let mut segments = segments(path);
        let mut node = &self.root;
        let mut parameters = Vec::new();
        while let Some(segment) = segments.next() {
            if let Some(next) = node.fixed.get(&decoded(segment)) {
                node = next;
            } else if let Some((name, next)) = &node.variable
                && !segment.is_empty()
            {
                parameters.push((name.clone(), segment.to_owned()));
                node = next;
            } else {
                let (name, next) = node.greedy.as_ref()?;
                let rest: Vec<_> = std::iter::once(segment).chain(segments.by_ref()).collect();
                parameters.push((name.clone(), rest.join("/")));
                node = next;
            }
        }
        Some(Route { resource: node.resource.clone(), path: node.path.clone(), parameters })
    }
}

/// The form of a path in policies: its segments, decoded once as for the choice of the route. A slash
/// within a segment stays encoded, and so does a percent sign, so that no other path has this form.
pub(super) fn called(path: &str) -> String {
    let segment = |segment| decoded(segment).replace('%', "%25").replace('/', "%2F");
    let segments: Vec<_> = segments(path).map(segment).collect();
    format!("/{}", segments.join("/"))
}

/// The segments of a path. A trailing slash is ignored.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let empty = usize::from(path.is_empty());
    path.split('/').skip(empty)
}

impl Node {
    fn build(id: &str, path: &str, resources: &BTreeMap<String, ResourcePlan>) -> Self {
        let mut node = Self {
            resource: id.to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            ..Self::default()
        };
        let children =
            resources.iter().filter(|(_, resource)| resource.parent.as_deref() == Some(id));
        for (child, resource) in children {
            let part = &resource.path_part;
            let built = Self::build(child, &format!("{path}/{part}"), resources);
            match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                None => {
                    node.fixed.insert(part.clone(), built);
                }
                Some(name) => match name.strip_suffix('+') {
                    None => node.variable = Some((name.to_owned(), Box::new(built))),
                    Some(name) => node.greedy = Some((name.to_owned(), Box::new(built))),
                },
            }
        }
        node
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Routes, called};
    use crate::template::ResourcePlan;
    use rstest::rstest;

    fn routes() -> Routes {
        let resource = |id: &str, parent: Option<&str>, part: &str| {
            let plan =
                ResourcePlan { parent: parent.map(str::to_owned), path_part: part.to_owned() };
            (id.to_owned(), plan)
        };
        let resources = [
            resource("root", None, ""),
            resource("users", Some("root"), "users"),
            resource("user", Some("users"), "{userId}"),
            resource("me", Some("users"), "me"),
            resource("audit", Some("user"), "audit"),
            resource("rest", Some("root"), "{proxy+}"),
            resource("user-rest", Some("user"), "{proxy+}"),
        ];
        Routes::new(&resources.into()).unwrap()
    }

    #[rstest]
    #[case::root("/", "root", "/", &[])]
    #[case::fixed("/users", "users", "/users", &[])]
    #[case::slash_at_the_end("/users/", "users", "/users", &[])]
    #[case::variable("/users/7", "user", "/users/{userId}", &[("userId", "7")])]
    #[case::encoded("/users/a%2Fb%20c", "user", "/users/{userId}", &[("userId", "a%2Fb%20c")])]
    #[case::encoded_twice("/users/%252F", "user", "/users/{userId}", &[("userId", "%252F")])]
    #[case::encoded_fixed("/%75sers/7", "user", "/users/{userId}", &[("userId", "7")])]
    #[case::encoded_slash_is_no_slash("/users%2F7", "rest", "/{proxy+}", &[("proxy", "users%2F7")])]
    #[case::greedy_encoded("/a%20b/%63", "rest", "/{proxy+}", &[("proxy", "a%20b/%63")])]
    #[case::fixed_before_variable("/users/me", "me", "/users/me", &[])]
    #[case::below_a_variable(
        "/users/7/audit", "audit", "/users/{userId}/audit", &[("userId", "7")]
    )]
    #[case::greedy("/a/b/c", "rest", "/{proxy+}", &[("proxy", "a/b/c")])]
    #[case::greedy_below(
        "/users/7/x/y", "user-rest", "/users/{userId}/{proxy+}",
        &[("userId", "7"), ("proxy", "x/y")]
    )]
    #[case::empty_segment("//users", "rest", "/{proxy+}", &[("proxy", "/users")])]
    fn a_path_leads_to_its_resource(
        #[case] path: &str,
        #[case] resource: &str,
        #[case] template: &str,
        #[case] parameters: &[(&str, &str)],
    ) {
        let route = routes().find(path).unwrap();
        assert_eq!(route.resource, resource);
        assert_eq!(route.path, template);
        let expected: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(route.parameters, expected);
    }

    #[rstest]
    #[case("/users//")]
    #[case("/users//7")]
    #[case("/users//audit")]
    fn an_empty_segment_does_not_match_a_variable(#[case] path: &str) {
        assert_eq!(routes().find(path), None);
    }

    #[rstest]
    #[case::root("/", "/")]
    #[case::slash_at_the_end("/users/", "/users")]
    #[case::two_slashes_at_the_end("/users//", "/users/")]
    #[case::encoded_fixed("/%75sers", "/users")]
    #[case::case_counts("/Users", "/Users")]
    #[case::encoded_slash("/users/7%2Faudit", "/users/7%2Faudit")]
    #[case::lower_case_slash("/users/7%2faudit", "/users/7%2Faudit")]
    #[case::encoded_twice("/users/7%252Faudit", "/users/7%252Faudit")]
    #[case::dots("/users/../x", "/users/../x")]
    #[case::encoded_dots("/users/%2E%2E", "/users/..")]
    #[case::wildcard("/users/%2A", "/users/*")]
    #[case::empty("//x", "//x")]
    fn policies_see_the_chosen_route(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(called(path), expected);
    }

    #[test]
    fn there_is_no_backtracking_from_a_fixed_segment() {
        assert_eq!(routes().find("/users/me/audit"), None);
    }
}
